'use strict';

/**
 * @import { Owner } from '../contracts'
 * @import Driver from './driver'
 */

const { TRY_AGAIN_LATER } = require('./close_code');

const TEXT = 'Too many bytes wait for the peer';

const NOTHING = Buffer.alloc(0);

/**
 * How much may wait for a peer that reads slowly. A message is refused while more than `limit` bytes
 * wait that the system has not taken, so that at most the limit and one message are held. Only an owner sets limits, so the
 * driver has one.
 */
class Backpressure {
  /**
   * @param {number} limit in bytes
   * @param {boolean} drops whether messages are skipped; else the connection is closed
   */
  constructor(limit, drops) {
    this._limit = limit;
    this._drops = drops;
    this._isClosing = false;
    /** Bytes of messages that wait for the connection to open. */
    this._early = 0;
    /** Messages that have been refused. */
    this.refused = 0;
  }

  /**
   * Whether a message may not be sent now. The driver asks before each message, and `broadcast` before it joins one.
   *
   * @param {Driver} driver
   * @returns {boolean}
   */
  refuses(driver) {
    if (this._isClosing) return this._refuse();
    if (!this._isExceeded(driver)) return false;
    if (this._drops) announceDrain(driver);
    else this._close(driver);
    return this._refuse();
  }

  /**
   * Notes a message that is queued until the connection is open.
   *
   * @param {string | Uint8Array} message
   */
  queue(message) {
    this._early += message.length;
  }

  /** @returns {true} */
  _refuse() {
    this.refused++;
    return true;
  }

  /**
   * @param {Driver} driver
   * @returns {boolean}
   */
  _isExceeded(driver) {
    if (driver.readyState < 1) return this._early > this._limit;
    const owner = /** @type {Owner} */ (driver._owner);
    if (owner.bufferedAmount <= this._limit) return false;
    // What waits for nothing but the end of the turn is not the peer's fault.
    driver.flush();
    return owner.bufferedAmount > this._limit;
  }

  /**
   * Listeners are told when the caller of `send` is done: they may send to others.
   *
   * @param {Driver} driver
   */
  _close(driver) {
    this._isClosing = true;
    process.nextTick(() => driver._failSlowPeer(TRY_AGAIN_LATER, TEXT));
  }
}

/**
 * Who was refused waits for 'drain', which a stream announces only when more than its high-water mark
 * has waited.
 *
 * @param {Driver} driver
 */
function announceDrain(driver) {
  const { _output: output } = driver;
  const { _stream: stream } = /** @type {Owner} */ (driver._owner);
  if (output.isCongested || driver.readyState < 1 || !stream.writable) return;
  output.isCongested = true;
  stream.write(NOTHING, () => {
    if (output.isCongested) driver._drained();
  });
}

module.exports = Backpressure;
