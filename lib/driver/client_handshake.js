'use strict';

/**
 * @import { Answer } from '../native'
 * @import Client from './client'
 * @import Extensions from './extensions'
 */

const Handshake = require('./handshake');
const { native } = require('./session');

const PREFIX = 'Error during WebSocket handshake: ';

/** A client's half of the handshake: the request. If a plug-in throws, none is sent, and the connection fails. */
class ClientHandshake extends Handshake {
  /** @returns {boolean} */
  start() {
    const driver = /** @type {Client} */ (this._driver);
    if (driver.readyState !== -1) return false;
    let offer;
    try {
      const extensions = /** @type {Extensions} */ (driver._extensions);
      offer = driver._proposeDeflate(extensions) ? null : extensions.generateOffer();
    } catch (/** @type {any} */ error) {
      this._fail(error.message);
      return false;
    }
    native.startHandshake(driver._id, this._headers, offer);
    driver.readyState = 0;
    driver._output.wrote(native.pending(driver._id));
    driver._output.flush();
    return true;
  }

  /** The server's response has arrived: opens the connection, or fails it. */
  complete() {
    const driver = /** @type {Client} */ (this._driver);
    const { statusCode, headers, failure, protocol } = /** @type {Answer} */ (native.answer(driver._id));
    driver.statusCode = statusCode;
    driver.headers = {};
    for (let i = 0; i < headers.length; i += 2) driver.headers[headers[i]] = headers[i + 1];
    driver.protocol = null;
    if (driver._onResponse !== null) driver._onResponse();
    if (failure) return this._fail(failure);

    if (protocol) driver.protocol = protocol;
    if (driver._extensions !== null) {
      try {
        driver._extensions.activate(driver.headers['sec-websocket-extensions']);
      } catch (/** @type {any} */ error) {
        return this._fail(error.message);
      }
      if (!driver._extensions.active) driver._extensions = null;
    }
    driver._open();
  }

  /** @returns {boolean} */
  keeps() {
    return false;
  }

  /** @param {string} message */
  _fail(message) {
    this._driver._failHandshake(PREFIX + message);
  }
}

module.exports = ClientHandshake;
