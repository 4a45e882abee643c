'use strict';

/**
 * @import { IncomingMessage } from 'http'
 * @import { DriverOptions } from '../contracts'
 */

const { native, VERSIONS } = require('./session');
const HybiServer = require('./hybi_server');
const { readHeaders, shareStrings } = require('./request_memory');
const { Draft75, Draft76 } = require('./hixie');
const Http2Server = require('./http2_server');
const serverSession = require('./server_session');
const { isHttp2, isWebSocketConnect } = require('../http2/request');

/**
 * Whether the request was made over TLS, according to its socket or to the headers of a proxy.
 *
 * @param {any} request an IncomingMessage, or a framework's object for it
 * @returns {boolean}
 */
function isSecureRequest(request) {
  const { connection, socket, headers } = request;
  if (connection && connection.authorized !== undefined) return true;
  if (socket && socket.secure) return true;
  if (!headers) return false;
  return headers['https'] === 'on' ||
    headers['x-forwarded-ssl'] === 'on' ||
    headers['x-forwarded-scheme'] === 'https' ||
    headers['x-forwarded-proto'] === 'https';
}

/**
 * Whether a request asks for a WebSocket (RFC 6455 section 4.2.1; over HTTP/2, RFC 8441).
 *
 * @param {IncomingMessage} request
 * @returns {boolean}
 */
function isWebSocket(request) {
  if (isHttp2(request)) return isWebSocketConnect(request);
  return readHeaders(request, asksForWebSocket);
}

/**
 * @param {IncomingMessage} request
 * @returns {boolean}
 */
function asksForWebSocket({ method, headers }) {
  return typeof method === 'string' && native.isWebSocket(method, headers.connection || '', headers.upgrade || '');
}

/** The URL of the last connection: most have the same, and share the string. */
let lastUrl = '';

/**
 * @param {IncomingMessage} request
 * @returns {string}
 */
function urlOf(request) {
  const url = (isSecureRequest(request) ? 'wss:' : 'ws:') + '//' + request.headers.host + request.url;
  if (url !== lastUrl) lastUrl = url;
  return lastUrl;
}

/**
 * The driver of the version that the request asks for.
 *
 * @param {IncomingMessage} request
 * @param {DriverOptions} options
 * @param {any} [stream] the stream of a request over HTTP/2
 * @returns {HybiServer | Draft75 | Draft76}
 * @throws {TypeError} for a subprotocol with CR, LF or NUL
 */
function http(request, options, stream) {
  if (options.requireMasking === undefined) options = { requireMasking: true, ...options };
  if (isHttp2(request)) return new Http2Server(request, stream, options);
  shareStrings(request);
  return readHeaders(request, driverFor, options);
}

/**
 * @param {IncomingMessage} request
 * @param {DriverOptions} options
 * @returns {HybiServer | Draft75 | Draft76}
 */
function driverFor(request, options) {
  const url = urlOf(request);
  const session = serverSession(request, url, options);
  switch (VERSIONS[native.sessionVersion(session)]) {
    case 'hixie-75': return new Draft75(request, url, options, session);
    case 'hixie-76': return new Draft76(request, url, options, session);
    default: return new HybiServer(request, url, options, session);
  }
}

module.exports = { http, isSecureRequest, isWebSocket };
