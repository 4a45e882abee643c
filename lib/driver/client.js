'use strict';

/** @import { DriverOptions, Handshake } from '../contracts' */

const Hybi = require('./hybi');
const ClientHandshake = require('./client_handshake');
const Extensions = require('./extensions');
const Proxy = require('./proxy');
const { native, lent, KEY_BYTES } = require('./session');
const releaseOnGc = require('./release_on_gc');
const { parseServer, authorization } = require('../url');
const { protocolList, maxLength } = require('./session_options');

/** The client's side of RFC 6455; `readyState` is -1 until the request was sent. */
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
    super(session, null, url);
    /** @type {Handshake | null} */
    this._handshake = new ClientHandshake(this, options);
    releaseOnGc(this);
    if (options.masking !== false) this._keyBytes = KEY_BYTES;
    this.readyState = -1;
    this._uri = uri;
    this._socketPath = socketPath;
    /** @type {Extensions | null} */
    this._extensions = new Extensions(this, options);
    /** @type {(() => void) | null} called when the server's response has been read */
    this._onResponse = null;
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
}

/** @type {number | undefined} of the server's response */
Client.prototype.statusCode = undefined;
/** @type {{ [name: string]: string } | undefined} of the server's response, by lower-case names */
Client.prototype.headers = undefined;

/**
 * A new value for Sec-WebSocket-Key; a property, so that tests can replace it.
 *
 * @returns {string}
 */
Client.generateKey = () => native.generateKey();

module.exports = Client;
