'use strict';

/**
 * @import { IncomingMessage } from 'http'
 * @import { DriverOptions } from '../contracts'
 */

const { native, lent } = require('./session');
const { protocolList, maxLength } = require('./session_options');

/** Request headers that a handshake of any version reads, in the order of src/proto/sessions/setup.rs. */
const HANDSHAKE_HEADERS = [
  'connection', 'upgrade', 'origin', 'sec-websocket-version', 'sec-websocket-key', 'sec-websocket-key1',
  'sec-websocket-key2', 'sec-websocket-protocol', 'sec-websocket-extensions', ':protocol',
];

const ALLOW_DRAFTS = 1;
const REQUIRE_MASKING = 2;
const MASKING = 4;

/**
 * Makes a native session for an upgrade request, and returns its number. `version` is an index of `VERSIONS`; without it,
 * the request's headers decide.
 *
 * @param {IncomingMessage} request
 * @param {string} url
 * @param {DriverOptions} options
 * @param {number} [version]
 * @returns {number}
 * @throws {TypeError} for a subprotocol with CR, LF or NUL
 */
function serverSession(request, url, options, version) {
  /** @type {(string | undefined)[]} */
  const head = [String(request.method), String(request.url), String(url)];
  for (const name of HANDSHAKE_HEADERS) {
    const value = request.headers[name];
    head.push(value === undefined ? undefined : String(value));
  }
  const flags = (options.allowDrafts !== false ? ALLOW_DRAFTS : 0) | (options.requireMasking ? REQUIRE_MASKING : 0) |
    (options.masking ? MASKING : 0);
  return native.createServerSession(
    lent.number, head, protocolList(options.protocols), maxLength(options.maxLength), flags, version || 0);
}

module.exports = serverSession;
