'use strict';

/** @import { DriverOptions, Extension } from '../contracts' */

const Hybi = require('./hybi');
const Extensions = require('./extensions');
const Proxy = require('./proxy');
const { CloseCode } = require('./close_code');
const { native, lent, KEY_BYTES } = require('./session');
const giveBackWhenForgotten = require('./forgotten');
const { parseServer, authorization } = require('../url');
const { protocolList, maxLength } = require('./session_options');

const PREFIX = 'Error during WebSocket handshake: ';

/** The client's side of RFC 6455: readyState is -1 until the request has been sent. */
class Client extends Hybi {
  /**
   * @param {string | URL} url `ws:`, `wss:` or `ws+unix:`
   * @param {DriverOptions} [options]
   * @throws {Error} for another URL
   * @throws {TypeError} for a subprotocol with CR, LF or NUL
   */
  constructor(url, options = {}) {
    const server = parseServer(url);
    if (server === null) throw new Error(url + ' is not a valid WebSocket URL');
    const { uri, socketPath } = server;

    const session = native.createClientSession(lent.number, {
      host: uri.host,
      target: (uri.pathname || '/') + uri.search,
      key: Client.generateKey(),
      authorization: authorization(uri),
      protocols: protocolList(options.protocols),
      maxLength: maxLength(options.maxLength),
      requireProtocol: !!options.requireProtocol,
      masking: options.masking !== false,
      forbidMasking: !!options.forbidMasking,
    });
    super(session, null, url, options);
    giveBackWhenForgotten(this);
    if (options.masking !== false) this._keyBytes = KEY_BYTES;
    this.readyState = -1;
    this._uri = uri;
    this._socketPath = socketPath;
    this._extensions = new Extensions(this, this._maxLength);
    this._onResponse = null;
  }

  /**
   * @param {Extension} extension
   * @returns {boolean}
   * @throws {TypeError} for what is none, or has the name of another
   */
  addExtension(extension) {
    this._extensions.add(extension);
    return true;
  }

  /**
   * Sends the request. The WebSocket calls it when the socket, or the tunnel through a proxy, stands.
   *
   * @returns {boolean} false when it was sent before, or when a plug-in has thrown
   */
  start() {
    if (this.readyState !== -1) return false;
    let offer = null;
    try {
      if (!this._proposeDeflate()) offer = this._extensions.generateOffer();
    } catch (error) {
      this._failHandshake(error.message);
      return false;
    }
    native.startHandshake(this._id, this._headers, offer);
    this.readyState = 0;
    this._wrote(native.pending(this._id));
    this.flush();
    return true;
  }

  /**
   * A tunnel to this client's server through the proxy at `origin`.
   *
   * @param {string | URL} origin
   * @returns {Proxy}
   */
  proxy(origin) {
    return new Proxy(this, origin);
  }

  /** The server's response has arrived: takes it, or fails the connection for what is wrong with it. */
  _completeHandshake() {
    const { statusCode, headers, failure, protocol } = native.answer(this._id);
    this.statusCode = statusCode;
    /** @type {{ [name: string]: string }} */
    this.headers = {};
    for (let i = 0; i < headers.length; i += 2) this.headers[headers[i]] = headers[i + 1];
    this.protocol = null;
    if (this._onResponse !== null) this._onResponse();
    if (failure) return this._failHandshake(failure);

    if (protocol) this.protocol = protocol;
    if (this._extensions !== null) {
      try {
        this._extensions.activate(this.headers['sec-websocket-extensions']);
      } catch (error) {
        return this._failHandshake(error.message);
      }
      if (!this._extensions.active) this._extensions = null;
    }
    this._open();
  }

  /** @param {string} message */
  _failHandshake(message) {
    message = PREFIX + message;
    this.readyState = 3;
    this._release();
    this._emitErrorAndClose(message, CloseCode.protocol_error, message);
  }
}

/**
 * The value of Sec-WebSocket-Key; a property so that tests can fix it.
 *
 * @returns {string}
 */
Client.generateKey = () => native.generateKey();

module.exports = Client;
