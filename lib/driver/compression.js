'use strict';

/** @import Driver from './driver' */

const { native } = require('./session');
const { sequence, throwAll } = require('../sequence');

/** Length of messages, in characters or bytes, from which on they are compressed on another thread. */
const LONG = 262144;

/**
 * The queue of messages that wait for compression: long ones, which are compressed on another thread, and those that were
 * sent after them. As in the original, control frames do not wait.
 */
class Compression {
  /** @param {Driver} driver */
  constructor(driver) {
    this._driver = driver;
    /** @type {([opcode: number, payload: Buffer, then?: undefined] | [opcode: 0, payload: null, then: () => void])[]} */
    this._queue = [];
    this._sending = false;
    this._then = null;
    /** The length of the messages that wait, in bytes. */
    this.waiting = 0;
  }

  /**
   * Whether a message of `length` has to wait.
   *
   * @param {number} length characters or bytes
   * @returns {boolean}
   */
  delays(length) {
    return this._sending || length >= LONG;
  }

  /**
   * Queues a message if it has to wait.
   *
   * @param {number} opcode 1 or 2
   * @param {string | Uint8Array} data
   * @returns {boolean} whether it was queued
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
   * Calls `then` when the messages that wait now have been framed.
   *
   * @param {() => void} then
   */
  after(then) {
    if (this._sending) this._queue.push([0, null, then]);
    else then();
  }

  /**
   * Calls `then` when no message waits any more.
   *
   * @param {() => void} then
   */
  close(then) {
    if (this._sending) this._then = then;
    else then();
  }

  /** Frames the messages that wait, until one is long: that is compressed on another thread, and those behind it wait. */
  _next() {
    const driver = this._driver;
    // Exceptions of listeners to the output: thrown at the end, as the messages behind must still be sent, in order.
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
          // In a tick, as exceptions of listeners would become rejections of the promise.
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
