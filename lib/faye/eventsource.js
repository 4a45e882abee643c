'use strict';

const { Stream } = require('stream');
const { inherits } = require('util');

const API = require('./websocket/api');
const Event = require('./websocket/api/event');
const EventTarget = require('./websocket/api/event_target');
const headerLine = require('../header_line');
const { isSecureRequest } = require('../driver/http');

const NEWLINE = /\r\n|\r|\n/g;
const FIELD_BREAK = /[\r\n\0]/g;

/** Names a response may carry twice; of the others the first wins. */
const REPEATABLE = ['set-cookie', 'set-cookie2', 'warning', 'www-authenticate'];

/**
 * A server-sent event stream on the socket of an HTTP response (WHATWG HTML, "Server-sent events").
 */
function EventSource(request, response, options) {
  options = options || {};
  this.writable = true;

  this._stream = response.socket;
  this._ping = options.ping || this.DEFAULT_PING;
  this._retry = options.retry || this.DEFAULT_RETRY;

  const scheme = isSecureRequest(request) ? 'https:' : 'http:';
  this.url = scheme + '//' + request.headers.host + request.url;
  this.lastEventId = request.headers['last-event-id'] || '';
  this.readyState = API.CONNECTING;

  const headers = headerBlock(options.headers);
  if (!this._stream || !this._stream.writable) return;
  process.nextTick(() => this._open());

  this._stream.setTimeout(0);
  this._stream.setNoDelay(true);

  this._write('HTTP/1.1 200 OK\r\n' +
    'Content-Type: text/event-stream\r\n' +
    'Cache-Control: no-cache, no-store\r\n' +
    'Connection: close\r\n' +
    headers +
    '\r\n' +
    `retry: ${Math.floor(this._retry * 1000)}\r\n\r\n`);

  this._stream.on('drain', () => this.emit('drain'));
  this._pingTimer = setInterval(() => this.ping(), this._ping * 1000);

  const close = () => this.close();
  // 'close' as well: a socket destroyed on our side has no 'end', and the pings would never stop.
  for (const event of ['error', 'end', 'close']) this._stream.on(event, close);
}
inherits(EventSource, Stream);

function headerBlock(headers) {
  let block = '';
  const sent = new Set();
  for (const key in headers) {
    const line = headerLine(key, headers[key]);
    if (!line) continue;
    const [name, value] = line.map((part) => part.replace(/^ +| +$/g, ''));
    const lower = name.toLowerCase();
    if (sent.has(lower) && !REPEATABLE.includes(lower)) continue;
    sent.add(lower);
    block += `${name}: ${value}\r\n`;
  }
  return block;
}

EventSource.isEventSource = function (request) {
  if (request.method !== 'GET') return false;
  return (request.headers.accept || '').split(/\s*,\s*/).includes('text/event-stream');
};

const methods = {
  /** Time between comments that keep proxies from closing the connection, in seconds. */
  DEFAULT_PING: 10,
  /** Time after which browsers reconnect, in seconds. */
  DEFAULT_RETRY: 5,

  _write(chunk) {
    if (!this.writable) return false;
    try {
      return this._stream.write(chunk, 'utf8');
    } catch {
      return false;
    }
  },

  _open() {
    if (this.readyState !== API.CONNECTING) return;
    this.readyState = API.OPEN;

    const event = new Event('open');
    event.initEvent('open', false, false);
    this.dispatchEvent(event);
  },

  write(message) {
    return this.send(message);
  },

  end(message) {
    if (message !== undefined) this.write(message);
    this.close();
  },

  send(message, options) {
    if (this.readyState > API.OPEN) return false;
    const { event, id } = options || {};

    let fields = '';
    if (event) fields += `event: ${String(event).replace(FIELD_BREAK, '')}\r\n`;
    if (id) fields += `id: ${String(id).replace(FIELD_BREAK, '')}\r\n`;
    fields += `data: ${String(message).replace(NEWLINE, '$&data: ')}\r\n\r\n`;
    return this._write(fields);
  },

  ping() {
    return this._write(':\r\n\r\n');
  },

  close() {
    if (this.readyState > API.OPEN) return false;
    this.readyState = API.CLOSED;
    this.writable = false;
    if (this._pingTimer) clearInterval(this._pingTimer);
    if (this._stream) this._stream.end();

    const event = new Event('close');
    event.initEvent('close', false, false);
    this.dispatchEvent(event);
    return true;
  },
};

Object.assign(EventSource.prototype, methods, EventTarget);

module.exports = EventSource;
