'use strict';

/** @import Driver from './driver' */

const { Readable } = require('stream');

/**
 * A stream of a message that is read while it arrives. While the stream is over its high-water mark, the connection is not
 * read.
 */
class MessageReader extends Readable {
  /** @param {Driver} driver */
  constructor(driver) {
    super();
    this._driver = driver;
  }

  /**
   * Takes the next bytes of the message.
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
    // The rest of the message is dropped by `receive`.
    this._driver.messages.letGo();
    // As for Node's streams of HTTP: without a listener of 'error', the error is not thrown.
    callback(this.listenerCount('error') > 0 ? error : null);
  }
}

module.exports = MessageReader;
