'use strict';

const { Stream } = require('stream');

/**
 * The wire side of a driver: bytes from the peer are written to it, bytes for the peer are its
 * 'data' events. Sockets are piped into it and it is piped into them.
 */
class IO extends Stream {
  constructor(driver) {
    super();
    this.readable = this.writable = true;
    this._driver = driver;
    this._paused = false;
  }

  /**
   * Takes bytes from the peer; false asks the socket to stop reading: the application paused, or a
   * message takes long to inflate.
   */
  write(chunk) {
    if (!this.writable) return false;
    this._driver.parse(chunk);
    return !this._paused && this._driver._held === null;
  }

  /** The socket has ended: no more messages will come. */
  end(chunk) {
    if (!this.writable) return;
    if (chunk !== undefined) this.write(chunk);
    this.writable = false;
    this._driver.messages._finish();
  }

  destroy() {
    this.end();
  }

  // Called by the pipe into the socket. Congested output does not stop input: two peers that both
  // stopped reading would wait for each other for ever.
  pause() {
    this._driver._congested = true;
  }

  resume() {
    this._driver._drained();
  }
}

/**
 * The application's side of a driver: messages of the peer are its 'data' events, messages for the
 * peer are written to it.
 */
class Messages extends Stream {
  constructor(driver) {
    super();
    this.readable = this.writable = true;
    this._driver = driver;
    // Protocol errors are informational and need no listener.
    this.on('error', () => {});
  }

  write(message) {
    if (!this.writable) return false;
    const driver = this._driver;
    if (typeof message === 'string') driver.text(message);
    else driver.binary(message);
    return !driver._congested;
  }

  /** One of many possible sources has ended; the socket stays open. */
  end(message) {
    if (message !== undefined) this.write(message);
  }

  destroy() {}

  pause() {
    const { io, _kernel: kernel } = this._driver;
    io._paused = true;
    if (kernel !== null) kernel.pause();
  }

  resume() {
    const { io, _kernel: kernel } = this._driver;
    io._paused = false;
    if (kernel !== null) kernel.resume();
    io.emit('drain');
  }

  _finish() {
    if (!this.readable) return;
    this.readable = this.writable = false;
    this.emit('end');
  }
}

module.exports = { IO, Messages };
