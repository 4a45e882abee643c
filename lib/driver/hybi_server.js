'use strict';

/**
 * @import { IncomingMessage } from 'http'
 * @import { DriverOptions, Extension } from '../contracts'
 */

const Hybi = require('./hybi');
const ServerDriver = require('./server_driver');
const Extensions = require('./extensions');
const { CloseCode } = require('./close_code');
const { native, VERSIONS, KEY_BYTES } = require('./session');
const serverSession = require('./server_session');

const HYBI = VERSIONS.indexOf('hybi-13');

/** The server's side of RFC 6455, hybi-08 and hybi-07. */
class HybiServer extends ServerDriver(Hybi) {
  /**
   * @param {IncomingMessage} request
   * @param {string} url
   * @param {DriverOptions} [options]
   * @param {number} [session] a native session that was made for the request
   */
  constructor(request, url, options = {}, session = serverSession(request, url, options, HYBI)) {
    super(session, request, url, options);
    if (options.masking) this._keyBytes = KEY_BYTES;
    const protocol = native.chosenProtocol(session);
    if (protocol !== null) this.protocol = protocol;
  }

  /**
   * @param {Extension} extension
   * @returns {boolean}
   * @throws {TypeError} for what is none, or has the name of another
   */
  addExtension(extension) {
    this._extensions ||= new Extensions(this, this._maxLength);
    this._extensions.add(extension);
    return true;
  }

  /** @returns {string | null} value of Sec-WebSocket-Extensions */
  _generateResponse() {
    if (this._extensions === null || this._proposeDeflate()) return null;
    const response = this._extensions.generateResponse(this._request.headers['sec-websocket-extensions']);
    if (!this._extensions.active) this._extensions = null;
    return response;
  }

  /** @param {string} message */
  _failHandshake(message) {
    this.readyState = 3;
    this._release();
    this._emitErrorAndClose(message, CloseCode.protocol_error, message);
  }
}

module.exports = HybiServer;
