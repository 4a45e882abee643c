'use strict';

/**
 * Every connection keeps its request, for code that reads it later. Here the request's memory is reduced, without a
 * difference for such code.
 */
const { IncomingMessage } = require('http');

const { makesHeaders } = require('../socket/node_internals');

const MAX_STRINGS = 1024;
const MAX_LENGTH = 256;

/** Headers that have the same value in many requests. Values of others, which may be secret, must not outlive their request. */
const COMMON = new Set([
  'accept', 'accept-encoding', 'accept-language', 'cache-control', 'connection', 'host', 'origin', 'pragma',
  'sec-fetch-dest', 'sec-fetch-mode', 'sec-fetch-site', 'sec-websocket-extensions', 'sec-websocket-version',
  'upgrade', 'user-agent', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto',
]);

/** One copy of each string that several requests have. */
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
 * Replaces strings of the request by equal ones of other requests.
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
 * Calls `read(request, argument)`, and drops the object of headers if Node has made it for this call.
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
