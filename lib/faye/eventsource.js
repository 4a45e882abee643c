'use strict';

const { Socket } = require('net');
const { Stream } = require('stream');
const { inherits } = require('util');

const API = require('./websocket/api');
const Event = require('./websocket/api/event');
const EventTarget = require('./websocket/api/event_target');
const { LINGER_TIMEOUT } = require('./websocket/linger');
const headerLine = require('../header_line');
const native = require('../native_binding');
const { isSecureRequest } = require('../driver/http');
const { headOf, isHttp2, urlOf } = require('../http2/request');
const { headersOf, unansweredStream } = require('../http2/stream');

/** Time, in milliseconds, after which a peer that takes none of the output is given up. */
const STALL_TIMEOUT = 30000;

/**
 * A server-sent event stream on the socket of an HTTP response, or on a stream of HTTP/2 (WHATWG HTML, "Server-sent
 * events").
 *
 * @this {import('../contracts').EventSourceFields}
 * @param {import('http').IncomingMessage} request
 * @param {any} response a ServerResponse; over HTTP/2, an Http2ServerResponse or the stream itself
 * @param {import('../../index').EventSourceOptions} [options]
 * @throws {TypeError} for a header with CR, LF or NUL
 * @throws {Error} over HTTP/2, for a response that has begun
 */
function EventSource(request, response, options) {
  options = options || {};
  this.writable = true;

  const isOverHttp2 = Boolean(isHttp2(request));
  // Over HTTP/2, events are written through the response, which a middleware such as compression may have wrapped.
  const stream = isOverHttp2 ? unansweredStream(response) : response.socket;
  this._stream = isOverHttp2 ? response : stream;
  this._ping = options.ping || this.DEFAULT_PING;
  this._retry = options.retry || this.DEFAULT_RETRY;

  const scheme = isSecureRequest(request) ? 'https:' : 'http:';
  this.url = isOverHttp2 ? urlOf(request, 'https:', 'http:') : scheme + '//' + request.headers.host + request.url;
  this.lastEventId = request.headers['last-event-id'] || '';
  this.readyState = API.CONNECTING;

  const headers = [];
  for (const name in options.headers) headers.push(...headerLine(name, options.headers[name]) || []);
  if (!stream || !stream.writable) {
    // The socket is closed; or the request is pipelined behind another, whose response is not over and has the socket.
    process.nextTick(() => this.close());
    return;
  }
  process.nextTick(() => this._open());

  stream.setTimeout(0);
  const retry = Math.floor(this._retry * 1000);
  if (isOverHttp2) {
    respondHttp2(response, headersOf(native.eventSourceFields(headers)));
    this._write(native.eventSourceRetry(retry));
  } else {
    stream.setNoDelay(true);
    this._write(native.eventSourceHead(headers, retry));
  }

  this._stream.on('drain', () => this.emit('drain'));
  // A peer that does not read must not have a comment kept for each interval.
  this._pingTimer = setInterval(() => stream.writableNeedDrain || this.ping(), this._ping * 1000);

  const close = () => this.close();
  // Also at 'close': a socket that this side has destroyed emits no 'end', and the timer of pings would never be cleared.
  for (const event of isOverHttp2 ? ['error', 'close'] : ['error', 'end', 'close']) stream.on(event, close);
}
inherits(EventSource, Stream);

/**
 * Sends the head of a response over HTTP/2.
 *
 * @param {any} response an Http2ServerResponse, whose application may have set headers, or a ServerHttp2Stream
 * @param {import('http2').OutgoingHttpHeaders} headers
 */
function respondHttp2(response, { ':status': status, ...headers }) {
  if (typeof response.writeHead === 'function') response.writeHead(status, headers);
  else response.respond({ ':status': status, ...headers });
}

/**
 * Ends a stream. Node's server leaves sockets half-open: one whose peer neither reads nor ends its half is destroyed.
 *
 * @param {any} stream a socket, an Http2ServerResponse or a ServerHttp2Stream
 */
function end(stream) {
  stream.end();
  if (!(stream instanceof Socket) || stream.destroyed) return;
  const destroy = () => stream.destroy();
  const awaitEnd = () => {
    const timer = setTimeout(destroy, LINGER_TIMEOUT);
    stream.once('close', () => clearTimeout(timer));
  };
  if (stream.writableFinished) awaitEnd();
  else stream.once('finish', awaitEnd);
  // Without traffic; a socket that is written to notices progress.
  stream.setTimeout(STALL_TIMEOUT, destroy);
}

/**
 * Whether a request asks for an event stream.
 *
 * @param {import('http').IncomingMessage} request
 * @returns {boolean}
 */
EventSource.isEventSource = function (request) {
  if (isHttp2(request)) request = /** @type {any} */ (headOf(request));
  if (request.method !== 'GET') return false;
  return native.isEventSource(request.headers.accept || '');
};

/** @type {ThisType<import('../contracts').EventSourceFields> & { [name: string]: any }} */
const methods = {
  /** Time, in seconds, between two comments, which keep proxies from closing an idle connection. */
  DEFAULT_PING: 10,
  /** Time, in seconds, after which browsers reconnect. */
  DEFAULT_RETRY: 5,

  /**
   * @param {string} chunk
   * @returns {boolean}
   */
  _write(chunk) {
    if (!this.writable) return false;
    try {
      const isTaken = this._stream.write(chunk, 'utf8');
      // A response that compresses would hold an event back until others follow.
      if (typeof this._stream.flush === 'function') this._stream.flush();
      return isTaken;
    } catch {
      return false;
    }
  },

  /** The head of the response was sent: emits 'open', once. */
  _open() {
    if (this.readyState !== API.CONNECTING) return;
    this.readyState = API.OPEN;

    const event = new Event('open');
    event.initEvent('open', false, false);
    this.dispatchEvent(event);
  },

  /**
   * @param {unknown} message
   * @returns {boolean}
   */
  write(message) {
    return this.send(message);
  },

  /** @param {unknown} [message] */
  end(message) {
    if (message !== undefined) this.write(message);
    this.close();
  },

  /**
   * @param {unknown} message
   * @param {{ event?: unknown, id?: unknown }} [options]
   * @returns {boolean} false when the stream is closed, or over its high-water mark
   */
  send(message, options) {
    if (this.readyState > API.OPEN) return false;
    const { event, id } = options || {};

    const name = event ? String(event) : undefined;
    return this._write(native.eventSourceEvent(name, id ? String(id) : undefined, String(message)));
  },

  /** Sends a comment, so that proxies do not close the connection as idle. */
  ping() {
    return this._write(native.EVENT_SOURCE_COMMENT);
  },

  /** @returns {boolean} false when it was closed before */
  close() {
    if (this.readyState > API.OPEN) return false;
    this.readyState = API.CLOSED;
    this.writable = false;
    if (this._pingTimer) clearInterval(this._pingTimer);
    if (this._stream) end(this._stream);

    const event = new Event('close');
    event.initEvent('close', false, false);
    this.dispatchEvent(event);
    return true;
  },
};

Object.assign(EventSource.prototype, methods, EventTarget);

module.exports = EventSource;
