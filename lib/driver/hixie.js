'use strict';

/**
 * @import { IncomingMessage } from 'http'
 * @import { DriverOptions, Handshake } from '../contracts'
 */

const Driver = require('./driver');
const ServerHandshake = require('./server_handshake');
const { native, Opcode, VERSIONS } = require('./session');
const serverSession = require('./server_session');
const { sequence } = require('../sequence');

/** The drafts before hybi: text only, no codes, no pings, servers only. */
class Hixie extends Driver {
  /**
   * @param {IncomingMessage} request
   * @param {string} url
   * @param {DriverOptions} [options]
   * @param {number} [session] a native session that was made for the request
   */
  constructor(request, url, options = {}, session = serverSession(request, url, options, VERSIONS.indexOf(new.target.prototype.version))) {
    super(session, request, url);
    /** @type {Handshake | null} */
    this._handshake = new ServerHandshake(this, options);
  }

  /**
   * @param {any} data
   * @returns {boolean}
   */
  frame(data) {
    if (this.readyState === 0) {
      /** @type {Handshake} */ (this._handshake).queue(data);
      return true;
    }
    if (this.readyState > 1) return false;
    this._output.writeText(Opcode.text, typeof data === 'string' ? data : data.toString());
    return true;
  }

  /**
   * Says goodbye where the draft has a word for it, and does not wait for an answer.
   *
   * @returns {boolean} false when the connection is closed
   */
  close() {
    if (this.readyState === 3) return false;
    // Nothing was written that could be lost before the handshake was answered.
    this._awaitsEnd ||= this.readyState !== 0;
    this._output.wrote(native.conclude(this._id));
    this._output.flush();
    this.readyState = 3;
    this._release();
    this._emitClose(null, null);
    return true;
  }

  /** The peer has said goodbye, or broken the protocol: both end the connection, as the drafts have no codes. */
  _shutdown() {
    this.close();
  }

  /**
   * @param {string | number} type
   * @param {string} message
   */
  _fail(type, message) {
    const { _owner: owner } = this;
    sequence(() => owner !== null && owner._emitError(message), () => this.close());
  }

  /**
   * A byte before the text, and one behind.
   *
   * @returns {number}
   */
  _overhead() {
    return 2;
  }

  /** @param {string} message */
  _failHandshake(message) {
    this.readyState = 2;
    sequence(() => this._emitError(message), () => this.close());
  }
}

const refuse = () => false;
Object.assign(Hixie.prototype, {
  addExtension: refuse, binary: refuse, ping: refuse, pong: refuse, _joinsBroadcast: refuse, _sharesFrames: false,
  text: Hixie.prototype.frame, _answerExtensions: /** @returns {null} */ () => null,
});

class Draft75 extends Hixie {}
Draft75.prototype.version = 'hixie-75';

class Draft76 extends Hixie {}
Draft76.prototype.version = 'hixie-76';

module.exports = { Draft75, Draft76 };
