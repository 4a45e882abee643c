'use strict';

/**
 * @import { IncomingMessage } from 'http'
 * @import { DriverOptions } from '../contracts'
 */

const { native, VERSIONS } = require('./session');
const { running } = require('../turn');

/**
 * Makes a driver class answer opening handshakes: a mix-in over `Hybi` and `Hixie`, which differ in
 * what a failure means to them (`_failHandshake`) and in when they open.
 *
 * @param {any} Base
 * @returns {any}
 */
const ServerDriver = (Base) => class extends Base {
  /**
   * @param {number} session number of the native session
   * @param {IncomingMessage} request
   * @param {string} url
   * @param {DriverOptions} options
   */
  constructor(session, request, url, options) {
    super(session, request, url, options);
    const version = VERSIONS[native.sessionVersion(session)];
    if (version !== this.version) this.version = version;
  }

  /**
   * Whether the request has been answered.
   *
   * @returns {boolean}
   */
  get _started() {
    return this.readyState > 0 || this._awaitsBody;
  }

  /**
   * Input that comes before `start` is kept: nothing could be delivered from it yet.
   *
   * @param {any} chunk
   * @returns {void}
   */
  parse(chunk) {
    if (this._started && this._early === null) return super.parse(chunk);
    if (chunk && this.readyState < 3) (this._early ||= []).push(chunk);
    if (this._started) this._parseEarly();
  }

  /** Parses the input that came before `start`. */
  _parseEarly() {
    const early = this._early;
    if (early === null) return;
    while (early.length > 0) super.parse(early.shift());
    this._early = null;
  }

  /**
   * Answers the request. The WebSocket calls it once its user can have added listeners.
   *
   * @param {Uint8Array} [body] what came with the request, before anything that the socket still holds
   * @returns {boolean} false when the request was answered before, or is refused
   */
  start(body) {
    if (this.readyState !== 0 || this._started) return false;

    let extensions = null;
    let refusal = native.refusal(this._id);
    if (refusal === null) {
      try {
        extensions = this._generateResponse();
      } catch (error) {
        refusal = error.message;
      }
    }
    if (refusal !== null) {
      this._wrote(native.refuse(this._id, refusal));
      this.flush();
      this._failHandshake(refusal);
      return false;
    }

    if (body && body.length !== 0) (this._early ||= []).unshift(body);
    const outer = running.driver;
    running.driver = /** @type {any} */ (this);
    this._depth++;
    try {
      const isOpen = native.startHandshake(this._id, this._headers, extensions);
      this._wrote(native.pending(this._id));
      if (isOpen) this._open();
      else this._awaitsBody = true;
    } finally {
      running.driver = outer;
      this._depth--;
      this.flush();
    }
    this._parseEarly();
    return true;
  }

  /**
   * The value of Sec-WebSocket-Extensions to answer with, or null. May throw: a refusal.
   *
   * @returns {string | null}
   */
  _generateResponse() {
    return null;
  }

  /** Of draft 76: the body has arrived and been answered. */
  _completeHandshake() {
    this._wrote(native.pending(this._id));
    this._open();
  }
};

module.exports = ServerDriver;
