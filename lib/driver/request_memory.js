'use strict';

/**
 * Every connection keeps its request, for those who look at it later: here it is made to keep
 * little. Whoever looks finds what was there before.
 */
const { IncomingMessage } = require('http');

const { makesHeaders } = require('../socket/node_internals');

const MAX_STRINGS = 1024;
const MAX_LENGTH = 256;

/** Headers of which many connections have the same value. Others may hold what must not outlive theirs. */
const COMMON = new Set([
  'accept', 'accept-encoding', 'accept-language', 'cache-control', 'connection', 'host', 'origin', 'pragma',
  'sec-fetch-dest', 'sec-fetch-mode', 'sec-fetch-site', 'sec-websocket-extensions', 'sec-websocket-version',
  'upgrade', 'user-agent', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto',
]);

/** One copy of each string that requests have in common. */
const strings = new Map();

/**
 * @param {string} string
 * @returns {string}
 */
function shared(string) {
  const kept = strings.get(string);
  if (kept !== undefined) return kept;
  if (typeof string !== 'string' || string.length > MAX_LENGTH) return string;
  if (strings.size === MAX_STRINGS) strings.clear();
  strings.set(string, string);
  return string;
}

/**
 * @param {IncomingMessage} request
 * @returns {boolean}
 */
function isNodes(request) {
  return Object.getPrototypeOf(request) === IncomingMessage.prototype;
}

/**
 * Has the request share its strings with others.
 *
 * @param {IncomingMessage} request
 */
function shareStrings(request) {
  if (!isNodes(request)) return;
  const { rawHeaders } = request;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] = shared(rawHeaders[i]);
    if (COMMON.has(name.toLowerCase())) rawHeaders[i + 1] = shared(rawHeaders[i + 1]);
  }
  request.httpVersion = shared(request.httpVersion);
}

/**
 * Calls `read(request, argument)`, and makes Node forget the headers' object if it was made for that.
 *
 * @template T
 * @template [A=undefined]
 * @param {IncomingMessage} request
 * @param {(request: IncomingMessage, argument: A) => T} read
 * @param {A} [argument]
 * @returns {T}
 */
function readHeaders(request, read, argument) {
  const given = /** @type {A} */ (argument);
  if (!isNodes(request)) return read(request, given);
  const isFirst = makesHeaders(request);
  const result = read(request, given);
  if (isFirst) /** @type {{ headers: object | null }} */ (request).headers = null;
  return result;
}

module.exports = { shareStrings, readHeaders };
