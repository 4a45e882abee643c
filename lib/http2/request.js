'use strict';

/**
 * @import { Http2Request } from '../contracts'
 */

const { IncomingMessage } = require('http');

const native = require('../native_binding');

/**
 * Whether a request came over HTTP/2: an `Http2ServerRequest`, or `{ headers }` of a server's 'stream' event.
 *
 * @param {any} request
 * @returns {request is Http2Request}
 */
function isHttp2(request) {
  // `headers` of an IncomingMessage is not read: Node would make the object for it.
  return !(request instanceof IncomingMessage) && request.headers !== undefined && request.headers !== null &&
    request.headers[':method'] !== undefined;
}

/**
 * The members that a request over HTTP/1.1 has, made of pseudo-headers (RFC 9113 section 8.3.1).
 *
 * @param {Http2Request} request
 * @returns {{ method: string, url: string, headers: import('http2').IncomingHttpHeaders }}
 */
function headOf({ headers }) {
  return { method: String(headers[':method']), url: String(headers[':path'] ?? ''), headers };
}

/**
 * Whether a request asks for a WebSocket (RFC 8441 section 5).
 *
 * @param {Http2Request} request
 * @returns {boolean}
 */
function isWebSocketConnect({ headers }) {
  return native.isWebSocketConnect(String(headers[':method']), String(headers[':protocol'] ?? ''));
}

/**
 * The request's URL with another scheme. RFC 8441 section 5: "The scheme of the target URI [...] MUST be "https" for
 * "wss"-schemed WebSockets".
 *
 * @param {Http2Request} request
 * @param {string} secure scheme where the request's is https, with its colon
 * @param {string} plain scheme where it is not
 * @returns {string}
 */
function urlOf({ headers }, secure, plain) {
  const isSecure = headers[':scheme'] === 'https' || headers['x-forwarded-proto'] === 'https';
  return (isSecure ? secure : plain) + '//' + (headers[':authority'] ?? headers.host) + (headers[':path'] ?? '');
}

module.exports = { isHttp2, headOf, isWebSocketConnect, urlOf };
