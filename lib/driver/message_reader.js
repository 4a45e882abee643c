'use strict';

/** @import Driver from './driver' */

const { Readable } = require('stream');

/**
 * A message that is read while it arrives. While more of it waits than its reader wants, the connection is read no
 * further.
 */
class MessageReader extends Readable {
  /** @param {Driver} driver */
  constructor(driver) {
    super();
    this._driver = driver;
  }

  /**
   * Takes what has arrived.
   *
   * @param {Buffer} bytes
   * @param {boolean} isLast
   */
  receive(bytes, isLast) {
    if (this.destroyed) return;
    const { messages } = this._driver;
    if (bytes.length > 0 && !this.push(bytes)) messages.hold();
    if (!isLast) return;
    this.push(null);
    messages.letGo();
  }

  _read() {
    this._driver.messages.letGo();
  }

  /** The connection has ended. */
  abort() {
    if (!this.readableEnded) this.destroy(new Error('The WebSocket closed before the message was complete'));
  }

  /**
   * @param {Error | null} error
   * @param {(error?: Error | null) => void} callback
   */
  _destroy(error, callback) {
    // The rest of the message is passed over.
    this._driver.messages.letGo();
    // As of Node's own streams over a network: without a listener an error is no exception.
    callback(this.listenerCount('error') > 0 ? error : null);
  }
}

module.exports = MessageReader;
