'use strict';

/**
 * @import { Owner } from '../contracts'
 * @import Driver from './driver'
 */

const { TRY_AGAIN_LATER } = require('./close_code');

const TEXT = 'Too many bytes wait for the peer';

const NOTHING = Buffer.alloc(0);

/**
 * A limit on the output that waits for a peer which reads slowly. A message is refused while more than `limit` bytes wait
 * that the system has not taken: at most the limit and one message are held. A driver with a limit has an owner, which has
 * set it.
 */
class Backpressure {
  /**
   * @param {number} limit in bytes
   * @param {boolean} drops whether messages are dropped; otherwise the connection is closed
   */
  constructor(limit, drops) {
    this._limit = limit;
    this._drops = drops;
    this._isClosing = false;
    /** The length of messages that wait for the connection to be open, in bytes or characters. */
    this._early = 0;
    /** The number of messages that were refused. */
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
    // Output that only waits for the end of the turn does not count.
    driver.flush();
    return owner.bufferedAmount > this._limit;
  }

  /**
   * Listeners are called after the caller of `send` has returned, which may be sending to many connections.
   *
   * @param {Driver} driver
   */
  _close(driver) {
    this._isClosing = true;
    process.nextTick(() => driver._failSlowPeer(TRY_AGAIN_LATER, TEXT));
  }
}

/**
 * Has 'drain' emitted for a sender whose message was refused. A stream emits it only after it was over its high-water mark.
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
