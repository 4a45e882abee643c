'use strict';

const { Stream } = require('stream');

const { native } = require('./session');
const { ConnectEvent } = require('./events');
const headerLine = require('../header_line');
const { sequence } = require('../sequence');
const { parseUrl, portOf, authorization } = require('../url');

/**
 * Opens a tunnel to a client's server through an HTTP proxy: a legacy stream that is piped into the proxy's socket, and that
 * socket into it. Emits 'connect' when the tunnel is open, and `rest` has the bytes that have come through it already; or
 * 'error'.
 */
class Proxy extends Stream {
  /**
   * @param {import('./client')} client
   * @param {string | URL} origin the proxy's URL, with its credentials
   */
  constructor(client, origin) {
    super();
    const server = client._uri;
    const proxy = parseUrl(origin);
    this.readable = this.writable = true;
    this._started = false;
    /** @type {string[]} */
    this._headers = [];
    this._tunnel = new native.Tunnel({
      hostname: server.hostname,
      port: Number(portOf(server)),
      host: server.host,
      url: server.href,
      authorization: proxy ? authorization(proxy) : undefined,
    });
  }

  /**
   * Adds a header to the CONNECT request; an undefined value adds none.
   *
   * @param {string} name
   * @param {unknown} value converted to text
   * @returns {boolean} false when the request has been sent
   * @throws {TypeError} for CR, LF or NUL
   */
  setHeader(name, value) {
    if (this._started) return false;
    const line = headerLine(name, value);
    if (line) this._headers.push(line[0], line[1]);
    return true;
  }

  /**
   * Sends CONNECT (RFC 9110 section 9.3.6).
   *
   * @returns {boolean} false when it was sent before
   */
  start() {
    if (this._started) return false;
    this._started = true;
    this.emit('data', this._tunnel.request(this._headers));
    return true;
  }

  /**
   * Takes bytes of the proxy.
   *
   * @param {Buffer} chunk
   * @returns {boolean} false when the proxy has responded before
   */
  write(chunk) {
    if (!this.writable) return false;
    const consumed = this._tunnel.receive(chunk);
    if (consumed === null) return true;

    const { statusCode, headers, failure } = this._tunnel.answer();
    this.statusCode = statusCode;
    /** @type {{ [name: string]: string }} */
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

  /** The proxy has ended its stream. */
  end() {
    if (!this.writable) return;
    this.readable = this.writable = false;
    sequence(() => this.emit('close'), () => this.emit('end'));
  }

  pause() {}

  resume() {
    this.emit('drain');
  }

  /** @param {Error} [error] */
  destroy(error) {
    // See `IO` in ./streams.js.
    if (error) throw error;
    this.end();
  }
}

module.exports = Proxy;
