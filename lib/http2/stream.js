'use strict';

/**
 * The stream of one request over HTTP/2, used as a socket is. Many share one connection: nothing here
 * touches that.
 *
 * @import { ServerHttp2Stream } from 'http2'
 */

/** RFC 9113 section 7. */
const NO_ERROR = 0;
const CANCEL = 8;

/**
 * What a server's 'stream' event hands over, or the stream of a response of the compatibility API.
 *
 * @param {any} stream a ServerHttp2Stream or Http2ServerResponse
 * @returns {ServerHttp2Stream}
 * @throws {TypeError} for anything else
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
 * Answers a request, unless its stream is gone or somebody else has answered it.
 *
 * @param {ServerHttp2Stream} stream
 * @param {string[]} fields names and values in turn; none where nothing is to be answered
 * @returns {boolean}
 */
function respond(stream, fields) {
  if (fields.length === 0 || stream.headersSent || stream.destroyed || stream.closed) return false;
  stream.respond(headersOf(fields));
  return true;
}

/**
 * Header fields as Node takes them: one that is there more than once has an array.
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

/** The streams that are being closed by this side. */
const closing = new WeakSet();

/** What this side does to a stream, so that what the peer does can be told from it. */
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

  /** Frames of all streams leave by one socket, whose delay is the session's. */
  setNoDelay() {
    return this;
  },

  setKeepAlive() {
    return this;
  },
};

/**
 * Gives a stream what sockets have and it has not, and has its destruction tell the peer that it was one.
 *
 * @param {ServerHttp2Stream} stream
 */
function makeSocket(stream) {
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(stream, name, { value, writable: true, configurable: true });
  }
}

/**
 * Ends a stream. The peer has some time to end its half, and to take what it was sent: that is an orderly end for both.
 *
 * @param {any} stream a socket by `makeSocket`
 * @param {number} timeout milliseconds
 */
function endStream(stream, timeout) {
  if (stream.destroyed) return;
  if (!stream.headersSent) {
    // An end would answer the request.
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
  // First of all: Node goes on with 'end', as if the peer had ended.
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

/** Names of codes among Node's constants, which have others that begin so. */
const ERROR_NAME = new RegExp('^NGHTTP2_(NO_ERROR|PROTOCOL_ERROR|INTERNAL_ERROR|FLOW_CONTROL_ERROR|SETTINGS_TIMEOUT|' +
  'STREAM_CLOSED|FRAME_SIZE_ERROR|REFUSED_STREAM|CANCEL|COMPRESSION_ERROR|CONNECT_ERROR|ENHANCE_YOUR_CALM|' +
  'INADEQUATE_SECURITY|HTTP_1_1_REQUIRED)$');

module.exports = { unansweredStream, respond, headersOf, makeSocket, endStream, whenReset };
