'use strict';

/** @import Driver from './driver' */

const { native } = require('./session');
const { sequence, throwAll } = require('../sequence');

/** Messages from this size on, in characters or bytes, would block the event loop for too long. */
const LONG = 262144;

/**
 * What leaves a connection with permessage-deflate later than it was sent: long messages, which are
 * compressed on another thread, and those that were sent after them. Control frames pass them by,
 * as they do with the original.
 */
class Compression {
  /** @param {Driver} driver */
  constructor(driver) {
    this._driver = driver;
    /** @type {([opcode: number, payload: Buffer, then?: undefined] | [opcode: 0, payload: null, then: () => void])[]} */
    this._queue = [];
    this._sending = false;
    this._then = null;
    /** Bytes of the messages that wait. */
    this.waiting = 0;
  }

  /**
   * Whether a message of `length` cannot leave at once.
   *
   * @param {number} length characters or bytes
   * @returns {boolean}
   */
  delays(length) {
    return this._sending || length >= LONG;
  }

  /**
   * Takes a message if it cannot leave at once.
   *
   * @param {number} opcode 1 or 2
   * @param {string | Uint8Array} data
   * @returns {boolean} whether it was taken
   */
  takes(opcode, data) {
    if (!this.delays(data.length)) return false;
    // A copy: the caller may overwrite its buffer at once.
    const payload = Buffer.from(data);
    this.waiting += payload.length;
    this._queue.push([opcode, payload]);
    if (!this._sending) this._next();
    return true;
  }

  /**
   * Runs `then` when the messages that wait now have been sent.
   *
   * @param {() => void} then
   */
  after(then) {
    if (this._sending) this._queue.push([0, null, then]);
    else then();
  }

  /**
   * Runs `then` when nothing waits any more.
   *
   * @param {() => void} then
   */
  close(then) {
    if (this._sending) this._then = then;
    else then();
  }

  /** Sends what waits, until a message is long: that is compressed on another thread, and those behind it wait. */
  _next() {
    const driver = this._driver;
    // By whoever listens to the output; what waits behind a message must neither stay nor be overtaken.
    /** @type {unknown[]} */
    const thrown = [];
    let entry;
    while ((entry = this._queue.shift()) !== undefined) {
      const [opcode, payload, after] = entry;
      if (after !== undefined) {
        try {
          after();
        } catch (error) {
          thrown.push(error);
        }
        continue;
      }
      if (payload.length >= LONG) {
        this._sending = true;
        const id = driver._id;
        native.sendAsync(id, opcode, payload).then((/** @type {any} */ pending) => {
          this.waiting -= payload.length;
          // Out of the promise: what listeners throw is theirs to catch.
          process.nextTick(() => {
            // Another session may have got the number meanwhile.
            sequence(() => driver._id === id && driver._output.wrote(pending), () => this._next());
          });
        });
        return throwAll(thrown);
      }
      this.waiting -= payload.length;
      try {
        driver._output.write(opcode, payload);
      } catch (error) {
        thrown.push(error);
      }
    }
    this._sending = false;
    const then = this._then;
    this._then = null;
    sequence(() => throwAll(thrown), () => then !== null && then());
  }
}

module.exports = Compression;
