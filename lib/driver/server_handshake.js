'use strict';

/** @import Driver from './driver' */

const Handshake = require('./handshake');
const { native } = require('./session');

/**
 * Fields that begin on the prototype, since most connections never set them.
 *
 * @typedef {object} Seldom
 * @property {Uint8Array[] | null} _early input that has come before `start`
 * @property {boolean} _awaitsBody draft 76: whether the request was answered, and its body is awaited
 */

/** A server's half of the handshake: the response that accepts or refuses a request. */
class ServerHandshake extends /** @type {new (...parameters: ConstructorParameters<typeof Handshake>) => Handshake & Seldom} */ (Handshake) {
  /**
   * Whether the request was answered; in draft 76, its body may still be awaited.
   *
   * @returns {boolean}
   */
  get _isStarted() {
    return this._driver.readyState > 0 || this._awaitsBody;
  }

  /**
   * Keeps input that comes before `start`, or behind such input if a listener of that has thrown.
   *
   * @param {any} chunk
   * @returns {boolean}
   */
  keeps(chunk) {
    if (this._isStarted && this._early === null) return false;
    if (chunk && this._driver.readyState < 3) (this._early ||= []).push(chunk);
    if (this._isStarted) this._parseEarly();
    return true;
  }

  // @ts-expect-error TypeScript takes the property on the prototype for a field.
  get holdsInput() {
    return this._early !== null;
  }

  /** Parses the input that has come before `start`. */
  _parseEarly() {
    const { _driver: driver, _early: early } = this;
    if (early === null) return;
    while (early.length > 0) driver._input.parse(early.shift());
    this._early = null;
    if (driver.readyState > 0) driver._handshake = null;
  }

  /**
   * @param {Uint8Array} [body]
   * @param {(driver: Driver) => void} [onAccept]
   * @returns {boolean}
   */
  start(body, onAccept) {
    const driver = this._driver;
    if (driver.readyState !== 0 || this._isStarted) return false;

    const { _id: id, _output: output } = driver;
    let extensions = null;
    let refusal = native.refusal(id);
    if (refusal === null) {
      try {
        extensions = driver._answerExtensions();
      } catch (/** @type {any} */ error) {
        refusal = error.message;
      }
    }
    if (refusal !== null) {
      this._refuse(refusal);
      driver._awaitsEnd = true;
      driver._failHandshake(refusal);
      return false;
    }

    if (body && body.length !== 0) (this._early ||= []).unshift(body);
    if (onAccept !== undefined) onAccept(driver);
    const outer = output.hold();
    try {
      if (this._answer(extensions)) driver._open();
      else this._awaitsBody = true;
    } finally {
      output.letGo(outer);
      output.flush();
    }
    this._parseEarly();
    return true;
  }

  /**
   * Sends the response that refuses the request.
   *
   * @param {string} message its body
   */
  _refuse(message) {
    const { _id: id, _output: output } = this._driver;
    output.wrote(native.refuse(id, message));
    output.flush();
  }

  /**
   * Sends the response that accepts the request.
   *
   * @param {string | null} extensions the value of Sec-WebSocket-Extensions
   * @returns {boolean} whether the connection is open: false where draft 76's body is awaited, or the peer is gone
   */
  _answer(extensions) {
    const { _id: id, _output: output } = this._driver;
    const isOpen = native.startHandshake(id, this._headers, extensions);
    output.wrote(native.pending(id));
    return isOpen;
  }

  /** Draft 76: the body has arrived, and the native session has answered it. */
  complete() {
    const driver = this._driver;
    driver._output.wrote(native.pending(driver._id));
    driver._open();
  }
}

ServerHandshake.prototype._early = null;
ServerHandshake.prototype._awaitsBody = false;

module.exports = ServerHandshake;
