'use strict';

/**
 * @import { DriverOptions, FrameType } from '../contracts'
 * @import Driver from './driver'
 */

const headerLine = require('../header_line');

/**
 * Our half of the opening handshake, in either role, and the frames that wait for its end: see `Handshake` of
 * ../contracts.d.ts.
 */
class Handshake {
  /**
   * @param {Driver} driver
   * @param {DriverOptions} options of the driver
   */
  constructor(driver, options) {
    this._driver = driver;
    this.options = options;
    /** @type {string[] | null} names and values in turn */
    this._headers = null;
    /** @type {[data: any, type?: FrameType, code?: number][] | null} */
    this._queue = null;
  }

  /**
   * Adds a header; an undefined value adds none.
   *
   * @param {string} name
   * @param {unknown} value converted to text
   * @throws {TypeError} for CR, LF or NUL
   */
  setHeader(name, value) {
    const line = headerLine(name, value);
    if (line) (this._headers ||= []).push(line[0], line[1]);
  }

  /**
   * Keeps a frame until the connection is open.
   *
   * @param {any} data
   * @param {FrameType} [type]
   * @param {number} [code]
   */
  queue(data, type, code) {
    (this._queue ||= []).push([data, type, code]);
  }

  /** Sends the frames that were queued. The driver calls it when the connection is open. */
  sendQueued() {
    const queue = this._queue;
    if (queue === null) return;
    this._queue = null;
    for (const [data, type, code] of queue) this._driver.frame(data, type, code);
  }

  /** Forgets the frames that were queued. */
  discard() {
    this._queue = null;
  }
}

/** Whether input is kept, because the handshake has not been answered yet. */
Handshake.prototype.holdsInput = false;

module.exports = Handshake;
