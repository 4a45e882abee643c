'use strict';

/**
 * @import { IncomingMessage } from 'http'
 * @import { DriverOptions } from '../contracts'
 */

const Driver = require('./base');
const ServerDriver = require('./server_driver');
const { native, Opcode, VERSIONS } = require('./session');
const serverSession = require('./server_session');
const { sequence } = require('../sequence');

/** The drafts before hybi: text only, no codes, no pings, servers only. */
class Hixie extends Driver {
  /**
   * @param {any} data
   * @returns {boolean}
   */
  frame(data) {
    if (this.readyState === 0) {
      (this._queue ||= []).push([data]);
      return true;
    }
    if (this.readyState > 1) return false;
    this._writeText(Opcode.text, typeof data === 'string' ? data : data.toString());
    return true;
  }

  /**
   * Says goodbye where the draft has a word for it, and does not wait for an answer.
   *
   * @returns {boolean} false when the connection is closed
   */
  close() {
    if (this.readyState === 3) return false;
    this._wrote(native.conclude(this._id));
    this.flush();
    this.readyState = 3;
    this._release();
    this._emitClose(null, null);
    return true;
  }

  /** The peer has said goodbye, or broken the protocol: both end the connection, as the drafts have no codes. */
  _shutdown() {
    this.close();
  }

  /** @param {string} message */
  _failHandshake(message) {
    this.readyState = 2;
    sequence(() => this._emitError(message), () => this.close());
  }
}

const HixieServer = ServerDriver(Hixie);

class Draft75 extends HixieServer {
  /**
   * @param {IncomingMessage} request
   * @param {string} url
   * @param {DriverOptions} [options]
   * @param {number} [session] a native session that was made for the request
   */
  constructor(request, url, options = {}, session = serverSession(request, url, options, VERSIONS.indexOf('hixie-75'))) {
    super(session, request, url, options);
  }
}

class Draft76 extends HixieServer {
  /**
   * @param {IncomingMessage} request
   * @param {string} url
   * @param {DriverOptions} [options]
   * @param {number} [session] a native session that was made for the request
   */
  constructor(request, url, options = {}, session = serverSession(request, url, options, VERSIONS.indexOf('hixie-76'))) {
    super(session, request, url, options);
  }
}

module.exports = { Draft75, Draft76 };
