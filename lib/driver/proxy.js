'use strict';

const { Stream } = require('stream');

const { native } = require('./session');
const { ConnectEvent } = require('./events');
const headerLine = require('../header_line');
const { sequence } = require('../sequence');
const { parseUrl, authorization } = require('../url');

const PORTS = { 'ws:': 80, 'wss:': 443 };

/**
 * Opens a tunnel to a client's server through an HTTP proxy: a legacy stream that the socket of the
 * proxy is piped into and out of. Emits 'connect', when `rest` are the bytes that already came
 * through the tunnel, or 'error'.
 */
class Proxy extends Stream {
  constructor(client, origin) {
    super();
    const server = client._uri;
    const proxy = parseUrl(origin);
    this.readable = this.writable = true;
    this._started = false;
    this._headers = [];
    this._tunnel = new native.Tunnel({
      hostname: server.hostname,
      port: Number(server.port || PORTS[server.protocol]),
      host: server.host,
      url: server.href,
      authorization: proxy ? authorization(proxy) : undefined,
    });
  }

  setHeader(name, value) {
    if (this._started) return false;
    const line = headerLine(name, value);
    if (line) this._headers.push(line[0], line[1]);
    return true;
  }

  start() {
    if (this._started) return false;
    this._started = true;
    this.emit('data', this._tunnel.request(this._headers));
    return true;
  }

  write(chunk) {
    if (!this.writable) return false;
    const consumed = this._tunnel.receive(chunk);
    if (consumed === null) return true;

    const { statusCode, headers, failure } = this._tunnel.answer();
    this.statusCode = statusCode;
    this.headers = {};
    for (let i = 0; i < headers.length; i += 2) this.headers[headers[i]] = headers[i + 1];
    this.rest = chunk.subarray(consumed);
    this.readable = this.writable = false;
    sequence(
      () => (failure ? this.emit('error', new Error(failure)) : this.emit('connect', new ConnectEvent())),
      () => this.emit('close'),
      () => this.emit('end'));
    return true;
  }

  end() {
    if (!this.writable) return;
    this.readable = this.writable = false;
    sequence(() => this.emit('close'), () => this.emit('end'));
  }

  pause() {}

  resume() {
    this.emit('drain');
  }

  destroy(error) {
    // See `IO` in ./streams.js.
    if (error) throw error;
    this.end();
  }
}

module.exports = Proxy;
