'use strict';

/**
 * @import { ByteStream } from '../contracts'
 * @import Driver from './driver'
 */

const { performance } = require('perf_hooks');

const { keepFlowing, writeTo } = require('./socket_pipe');
const { LazyStream } = require('./emitter');
const { native } = require('./session');
const { sequence } = require('../sequence');
const { hasListeners } = require('../socket/node_internals');

/**
 * The driver's side towards the socket: bytes from the peer are written to it, bytes for the peer are its 'data' events. It
 * is piped into the socket, and the socket into it; see ./socket_pipe for what stands for these pipes with most sockets.
 */
class IO extends LazyStream {
  /** @param {Driver} driver */
  constructor(driver) {
    super();
    this._driver = driver;
    /** @type {ByteStream | null} the socket that this is coupled to; null while it is piped */
    this._sink = null;
  }

  /**
   * Takes bytes from the peer. False asks the socket to stop reading: the application has paused, or the input is full.
   *
   * @param {Buffer} chunk
   * @returns {boolean}
   */
  write(chunk) {
    if (!this.writable) return false;
    const { _driver: driver } = this;
    try {
      if (chunk.length !== 0) driver.parse(chunk);
    } catch (error) {
      if (driver._input.isFull) {
        // A pipe stops its stream only when `write` returns false.
        process.nextTick(() => {
          throw error;
        });
        return false;
      }
      if (driver._owner !== null) keepFlowing(driver._owner._stream, this);
      throw error;
    }
    return !this._paused && !driver._input.isFull;
  }

  /**
   * The socket has ended: there will be no more messages.
   *
   * @param {Buffer} [chunk]
   */
  end(chunk) {
    if (!this.writable) return;
    sequence(
      () => chunk !== undefined && this.write(chunk),
      () => {
        this.writable = false;
        this._driver._finish();
      });
  }

  /**
   * As `end`. Since Node.js 24 the `pipe` of a stream catches an exception of `write`, which can only be that of an
   * application's listener, and passes it to this method: it is thrown again, as in Node.js 22.
   *
   * @param {unknown} [error]
   */
  destroy(error) {
    if (error) throw error;
    this.end();
  }

  /**
   * Writes bytes for the peer to the socket.
   *
   * @param {Uint8Array} bytes
   */
  _put(bytes) {
    const sink = this._sink;
    if (sink !== null && sink.writable && writeTo(sink, bytes) === false) this.pause();
    if (hasListeners(this)) this.emit('data', bytes);
  }

  // Called by the pipe into the socket. Congested output does not stop input: if both peers stopped reading, each would wait
  // for the other for ever.
  pause() {
    this._driver._output.isCongested = true;
  }

  /** The socket has drained. */
  resume() {
    this._driver._drained();
  }
}

Object.assign(IO.prototype, { readable: true, writable: true, _paused: false });

/**
 * The driver's side towards the application: messages of the peer are its 'data' events, messages for the peer are written
 * to it.
 */
class Messages extends LazyStream {
  /**
   * @param {Driver} driver
   * @param {boolean} isOpen whether there may be more messages
   */
  constructor(driver, isOpen) {
    super();
    this.readable = this.writable = isOpen;
    this._driver = driver;

    // Declared, not set: these begin on the prototype.
    /** @type {boolean} whether the application has paused */
    this._isPaused;
    /** @type {boolean} whether the reader of a long message has paused */
    this._isHeld;
    /**
     * When the application has paused, in milliseconds of `performance.now()`, where the peer's messages in a second are
     * limited.
     *
     * @type {number}
     */
    this._pausedAt;
  }

  /**
   * @param {string | Buffer} message
   * @returns {boolean} false when it was not sent, or the socket is over its high-water mark
   */
  write(message) {
    return this.writable && this._driver._sendNow(message);
  }

  /**
   * A stream that is piped into this has ended: the socket stays open, for others.
   *
   * @param {string | Buffer} [message]
   */
  end(message) {
    if (message !== undefined) this.write(message);
  }

  /**
   * As `destroy` of IO, but nothing ends.
   *
   * @param {unknown} [error]
   */
  destroy(error) {
    if (error) throw error;
  }

  /** The application pauses: the socket is not read any more. */
  pause() {
    this._isPaused = true;
    this._stop();
  }

  /** The application resumes. */
  resume() {
    this._isPaused = false;
    if (!this._isHeld) this._go();
  }

  /** As `pause`, for the reader of a long message. */
  hold() {
    this._isHeld = true;
    if (!this._isPaused) this._stop();
  }

  /** As `resume`, for the reader of a long message; the application's own pause goes on. */
  letGo() {
    if (!this._isHeld) return;
    this._isHeld = false;
    if (!this._isPaused) this._go();
  }

  _stop() {
    const { io, _direct: direct, _isRated: isRated } = this._driver;
    if (isRated && !io._paused) this._pausedAt = performance.now();
    io._paused = true;
    if (direct !== null) direct.pause();
  }

  _go() {
    const { io, _direct: direct, _aside: aside, _isRated: isRated, _id: id } = this._driver;
    // Messages that the peer has sent meanwhile arrive at once, and must not count as too many.
    if (isRated && io._paused) native.creditSession(id, (performance.now() - this._pausedAt) / 1000);
    io._paused = false;
    if (direct !== null) direct.resume();
    io.emit('drain');
    if (aside !== null) aside.resume();
  }

  /**
   * Emits 'error' for a violation of the protocol; it needs no listener.
   *
   * @param {Error} error
   */
  _fail(error) {
    if (this.readable && this.listenerCount('error') > 0) this.emit('error', error);
  }

  /** There will be no more messages. */
  _finish() {
    if (!this.readable) return;
    this.readable = this.writable = false;
    this.emit('end');
  }
}

Messages.prototype._isPaused = Messages.prototype._isHeld = false;
Messages.prototype._pausedAt = 0;

module.exports = { IO, Messages };
