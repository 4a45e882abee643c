'use strict';

/**
 * @import { IncomingMessage } from 'http'
 * @import { DriverOptions, Handshake } from '../contracts'
 */

const Hybi = require('./hybi');
const ServerHandshake = require('./server_handshake');
const { native, VERSIONS, KEY_BYTES } = require('./session');
const serverSession = require('./server_session');

const HYBI = VERSIONS.indexOf('hybi-13');

/** The server's side of RFC 6455, hybi-08 and hybi-07. */
class HybiServer extends Hybi {
  /**
   * @param {IncomingMessage} request
   * @param {string} url
   * @param {DriverOptions} [options]
   * @param {number} [session] a native session that was made for the request
   */
  constructor(request, url, options = {}, session = serverSession(request, url, options, HYBI)) {
    super(session, request, url);
    /** @type {Handshake | null} */
    this._handshake = new ServerHandshake(this, options);
    const version = VERSIONS[native.sessionVersion(session)];
    if (version !== this.version) this.version = version;
    if (options.masking) this._keyBytes = KEY_BYTES;
    const protocol = options.protocols ? native.chosenProtocol(session) : null;
    if (protocol !== null) this.protocol = protocol;
  }

  /** @returns {string | null} */
  _answerExtensions() {
    const { _extensions: extensions } = this;
    if (extensions === null || this._proposeDeflate(extensions)) return null;
    const { headers } = /** @type {IncomingMessage} */ (this._request);
    const response = extensions.generateResponse(headers['sec-websocket-extensions']);
    if (!extensions.active) this._extensions = null;
    return response;
  }
}

module.exports = HybiServer;
