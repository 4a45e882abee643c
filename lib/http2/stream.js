'use strict';

/**
 * The stream of one request over HTTP/2, used like a socket. Many streams share one TCP connection, which is not touched
 * here.
 *
 * @import { ServerHttp2Stream } from 'http2'
 */

/** RFC 9113 section 7. */
const NO_ERROR = 0;
const CANCEL = 8;

/**
 * The stream of a request: the argument itself, of a server's event 'stream', or that of a response of the compatibility
 * API.
 *
 * @param {any} stream a ServerHttp2Stream or Http2ServerResponse
 * @returns {ServerHttp2Stream}
 * @throws {TypeError} for any other object
 * @throws {Error} where the request has been answered
 */
function unansweredStream(stream) {
  const own = stream && stream.stream || stream;
  if (!own || typeof own.respond !== 'function' || typeof own.close !== 'function') {
    throw new TypeError('A request over HTTP/2 is answered on its stream or response');
  }
  if (own.headersSent) throw new Error('The request has been answered');
  return own;
}

/**
 * Answers a request, unless its stream was closed, or other code has answered it.
 *
 * @param {ServerHttp2Stream} stream
 * @param {string[]} fields names and values in turn; an empty list is not answered
 * @returns {boolean}
 */
function respond(stream, fields) {
  if (fields.length === 0 || stream.headersSent || stream.destroyed || stream.closed) return false;
  stream.respond(headersOf(fields));
  return true;
}

/**
 * The object of header fields for Node: a repeated field has an array of values.
 *
 * @param {string[]} fields names and values in turn
 * @returns {import('http2').OutgoingHttpHeaders}
 */
function headersOf(fields) {
  /** @type {{ [name: string]: string | string[] }} */
  const headers = {};
  for (let i = 0; i < fields.length; i += 2) {
    const [name, value] = [fields[i], fields[i + 1]];
    headers[name] = headers[name] === undefined ? value : /** @type {string[]} */ ([]).concat(headers[name], value);
  }
  return headers;
}

/** The streams that this side has closed or destroyed. */
const closing = new WeakSet();

/** Methods that are put on a stream. They note in `closing` what this side does, so that a reset by the peer can be told from it. */
const methods = {
  /**
   * @this {any}
   * @param {...unknown} args
   */
  close(...args) {
    closing.add(this);
    return Object.getPrototypeOf(this).close.apply(this, args);
  },

  /**
   * RFC 8441 section 5: "RST exceptions are represented with the RST_STREAM frame [...] with the CANCEL error code".
   * RFC 9113 section 8.1, where all has been sent: "a server MAY request that the client abort transmission of a
   * request without error by sending a RST_STREAM with an error code of NO_ERROR".
   *
   * @this {any}
   * @param {Error} [error]
   */
  destroy(error) {
    if (!this.closed && !error) this.close(this.writableFinished ? NO_ERROR : CANCEL);
    closing.add(this);
    return Object.getPrototypeOf(this).destroy.call(this, error);
  },

  /** The algorithm of Nagle is that of the one socket of all streams, and set by Node's session. */
  setNoDelay() {
    return this;
  },

  setKeepAlive() {
    return this;
  },
};

/**
 * Gives a stream the methods of a socket that it has not, and has `destroy` tell the peer of a failure by RST_STREAM.
 *
 * @param {ServerHttp2Stream} stream
 */
function makeSocket(stream) {
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(stream, name, { value, writable: true, configurable: true });
  }
}

/**
 * Ends a stream. Within `timeout`, its output is written, and the peer ends its half, which is an orderly end for both.
 *
 * @param {any} stream a socket by `makeSocket`
 * @param {number} timeout milliseconds
 */
function endStream(stream, timeout) {
  if (stream.destroyed) return;
  if (!stream.headersSent) {
    // `end` would answer the request.
    stream.destroy();
    return;
  }
  const timer = setTimeout(() => stream.destroy(), timeout);
  stream.once('close', () => clearTimeout(timer));
  stream.end();
}

/**
 * Calls `then` when the peer has reset the stream.
 *
 * @param {ServerHttp2Stream} stream a socket by `makeSocket`
 * @param {(text: string) => void} then with a text that says which code the peer has given
 */
function whenReset(stream, then) {
  // Before other listeners: Node emits 'end' next, as if the peer had ended its stream.
  stream.prependListener('aborted', () => {
    if (!closing.has(stream)) then(`Stream closed with error code ${nameOf(stream.rstCode)}`);
  });
}

/**
 * @param {number} code
 * @returns {string}
 */
function nameOf(code) {
  const { constants } = require('http2');
  const names = Object.entries(constants).find(([name, value]) => ERROR_NAME.test(name) && value === code);
  return names ? names[0] : String(code);
}

/** The names of error codes among Node's constants, of which others have the same prefix. */
const ERROR_NAME = new RegExp('^NGHTTP2_(NO_ERROR|PROTOCOL_ERROR|INTERNAL_ERROR|FLOW_CONTROL_ERROR|SETTINGS_TIMEOUT|' +
  'STREAM_CLOSED|FRAME_SIZE_ERROR|REFUSED_STREAM|CANCEL|COMPRESSION_ERROR|CONNECT_ERROR|ENHANCE_YOUR_CALM|' +
  'INADEQUATE_SECURITY|HTTP_1_1_REQUIRED)$');

module.exports = { unansweredStream, respond, headersOf, makeSocket, endStream, whenReset };
