'use strict';

const requireSingleLine = require('./single_line');

/**
 * A WHATWG URL.
 *
 * @param {unknown} input converted to text
 * @param {string[]} [protocols] the protocols that it may have, with their colons; any when left out
 * @returns {URL | null} null for an invalid URL, or another protocol
 * @throws {TypeError} for CR, LF and NUL
 */
function parseUrl(input, protocols) {
  const text = String(input);
  // The URL parser would silently remove them.
  requireSingleLine(text, 'URL');
  let url;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  return !protocols || protocols.includes(url.protocol) ? url : null;
}

/**
 * What a client connects to: a `ws:` or `wss:` URL. Of a `ws+unix:` URL, also the path of a Unix socket, which ends at the
 * first colon: `ws+unix:/run/app.sock:/chat?room=1`. Null for any other URL.
 *
 * @returns {{ uri: URL, socketPath?: string } | null}
 * @param {unknown} input
 * @throws {TypeError} for CR, LF and NUL
 */
function parseServer(input) {
  const uri = parseUrl(input, ['ws:', 'wss:', 'ws+unix:']);
  if (uri === null || uri.protocol !== 'ws+unix:') return uri && { uri };

  const [, path, target] = /** @type {RegExpExecArray} */ (/^([^:]*)(?::(.*))?$/.exec(uri.pathname));
  if (uri.host || !path.startsWith('/')) return null;
  const request = new URL('ws://localhost/');
  request.pathname = target || '/';
  request.search = uri.search;
  return { uri: request, socketPath: decode(path) };
}

/**
 * @param {string} text
 * @returns {string}
 */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The value of Authorization (RFC 7617, Basic) for the URL's credentials; undefined without any.
 *
 * @param {URL} url
 * @returns {string | undefined}
 */
function authorization({ username, password }) {
  if (!username && !password) return undefined;
  return 'Basic ' + Buffer.from(decode(username) + ':' + decode(password)).toString('base64');
}

/** @type {{ [protocol: string]: number }} */
const PORTS = { 'http:': 80, 'https:': 443, 'ws:': 80, 'wss:': 443 };

/**
 * The port to connect to.
 *
 * @param {URL} url
 * @returns {string | number | undefined} undefined for a scheme that has no port of its own
 */
function portOf({ port, protocol }) {
  return port || PORTS[protocol];
}

/**
 * The host to connect to: an IPv6 literal without its brackets.
 *
 * @param {URL} url
 * @returns {string}
 */
function hostname(url) {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

module.exports = { parseUrl, parseServer, authorization, portOf, hostname };
