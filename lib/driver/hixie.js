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

/** Drafts 75 and 76, servers only: they have text messages, and no close codes and pings. */
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
   * Closes without waiting for the peer; draft 76 has a close frame, which is sent before.
   *
   * @returns {boolean} false when the connection is closed
   */
  close() {
    if (this.readyState === 3) return false;
    // Before the handshake was answered, no output can be lost by a reset.
    this._awaitsEnd ||= this.readyState !== 0;
    this._output.wrote(native.conclude(this._id));
    this._output.flush();
    this.readyState = 3;
    this._release();
    this._emitClose(null, null);
    return true;
  }

  /** The peer has closed, or violated the protocol: both close the connection alike, as the drafts have no codes. */
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
   * Bytes of a frame beside its text: one before it, and one behind.
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
