'use strict';

/**
 * @import { DirectSocket } from '../contracts'
 * @import { SocketEndpoints, SocketFailure } from '../native'
 */

const { Duplex } = require('stream');

const { native, slab } = require('../driver/session');
const Dialling = require('./dialling');
const { closedEarly, errorOf } = require('./errors');
const { connections, SOCKET_EVENTS } = require('./event_loop');

const { Flushed, Finished, Failed, Closed } = native.SocketEvents || {};

/**
 * A TCP or Unix socket that is dialled natively, and then read and written on Node's loop: a stream of bytes with the
 * interface of a `net.Socket`. Only where `attach()` of ./event_loop is not -1.
 *
 * Events: those of a Duplex, and `connect`, `ready`, `timeout`.
 */
class DialledSocket extends Duplex {
  /**
   * Begins to connect in the next tick.
   *
   * @param {import('./dial_target').DialOptions} options
   * @throws {Error} for options that only a socket of Node's can honour
   */
  constructor(options) {
    super({ allowHalfOpen: false, emitClose: false, highWaterMark: options.highWaterMark });

    this.connecting = true;
    this.timeout = 0;
    this.localAddress = undefined;
    this.localPort = undefined;
    this.localFamily = undefined;
    this.remoteAddress = undefined;
    this.remotePort = undefined;
    this.remoteFamily = undefined;

    this._closed = false;
    /** @type {DirectSocket | null} reads and writes for a driver past this stream; null while this stream does */
    this._direct = null;
    this._dispatched = 0;
    this._ended = false;
    this._inFlight = 0;
    /** @type {[enable: boolean, seconds: number] | null} */
    this._keepAlive = null;
    this._noDelay = true;
    /** The number of the connection on Node's loop; -1 before there is one, and after it was closed. */
    this._number = -1;
    this._onClosed = null;
    this._onFinished = null;
    this._onFlushed = null;
    /** @type {(() => void)[]} */
    this._onOpen = [];
    this._reading = false;
    /** Bytes that were read when the socket was closed. */
    this._received = 0;
    this._timer = null;

    this.encrypted = Boolean(options.tls);
    this._dialling = new Dialling(this, options);
  }

  /**
   * Bytes received since the connection began.
   *
   * @returns {number}
   */
  get bytesRead() {
    return this._number < 0 ? this._received : native.servedReceived(this._number);
  }

  /**
   * Bytes that were written to the socket, including those that the kernel has not taken yet.
   *
   * @returns {number}
   */
  get bytesWritten() {
    const past = this._number < 0 ? 0 : native.servedWritten(this._number);
    // @ts-expect-error TypeScript takes the getter of Writable for a field, which `super` could not reach.
    return this._dispatched + past + super.writableLength - this._inFlight;
  }

  get bufferSize() {
    return this.writableLength;
  }

  get pending() {
    return this.connecting;
  }

  get readyState() {
    if (this.connecting) return 'opening';
    if (this.readable && this.writable) return 'open';
    if (this.readable) return 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /**
   * This end's address; an object without members before there is a connection.
   *
   * @returns {{ address?: string, family?: string, port?: number }}
   */
  address() {
    if (this.localAddress === undefined) return {};
    return { address: this.localAddress, family: this.localFamily, port: this.localPort };
  }

  /**
   * As `setNoDelay` of a `net.Socket`; so the methods below.
   *
   * @param {boolean} [noDelay]
   * @returns {this}
   */
  setNoDelay(noDelay = true) {
    this._noDelay = Boolean(noDelay);
    if (!this.connecting) native.servedNoDelay(this._number, this._noDelay);
    return this;
  }

  /**
   * @param {boolean} [enable]
   * @param {number} [initialDelay] milliseconds; 0 for the system's
   * @returns {this}
   */
  setKeepAlive(enable = false, initialDelay = 0) {
    this._keepAlive = [Boolean(enable), Math.max(0, Math.trunc(initialDelay / 1000)) || 0];
    if (!this.connecting) native.servedKeepAlive(this._number, ...this._keepAlive);
    return this;
  }

  /**
   * Emits 'timeout' after `milliseconds` without traffic; 0 switches this off.
   *
   * @param {number} milliseconds
   * @param {() => void} [callback] listener of 'timeout'
   * @returns {this}
   * @throws {RangeError}
   */
  setTimeout(milliseconds, callback) {
    if (typeof milliseconds !== 'number' || !(milliseconds >= 0)) {
      throw new RangeError(`The value of "msecs" is out of range. Received ${milliseconds}`);
    }
    this._stopTimer();
    this.timeout = milliseconds;
    if (milliseconds === 0) {
      if (callback) this.removeListener('timeout', callback);
      return this;
    }
    if (callback) this.once('timeout', callback);
    if (!this.destroyed) this._timer = setTimeout(onTimeout, milliseconds, this).unref();
    return this;
  }

  ref() {
    return this._setRef(true);
  }

  unref() {
    return this._setRef(false);
  }

  /**
   * @param {boolean} keepAlive
   * @returns {this}
   */
  _setRef(keepAlive) {
    if (this.connecting) this._dialling.setRef(keepAlive);
    else native.servedRef(this._number, keepAlive);
    return this;
  }

  /** Ends the stream, and destroys the socket when all output is written. */
  destroySoon() {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', this.destroy);
  }

  _read() {
    if (this._reading) return;
    this._reading = true;
    // Bytes are not read here but on the loop, and pushed in the async context of the socket's creator.
    if (this._direct === null) native.servedRead(this._number, true);
  }

  /**
   * @param {Buffer} chunk
   * @param {string} encoding
   * @param {(error?: Error | null) => void} callback
   */
  _write(chunk, encoding, callback) {
    this._dispatch(chunk.length, () => native.servedPush(this._number, chunk), callback);
  }

  /**
   * @param {{ chunk: Buffer }[]} entries
   * @param {(error?: Error | null) => void} callback
   */
  _writev(entries, callback) {
    const chunks = entries.map((entry) => entry.chunk);
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this._dispatch(length, () => native.servedPushAll(this._number, chunks), callback);
  }

  /** @param {(error?: Error | null) => void} callback */
  _final(callback) {
    if (this.connecting) {
      this._onOpen.push(() => this._final(callback));
      return;
    }
    if (this._direct !== null) this._direct.writeAll();
    this._onFinished = callback;
    native.servedFinish(this._number);
  }

  /**
   * @param {Error | null} error
   * @param {(error?: Error | null) => void} callback
   */
  _destroy(error, callback) {
    this.connecting = false;
    this._stopTimer();
    this._onClosed = () => {
      const abandoned = this._onFlushed || this._onFinished;
      this._onFlushed = null;
      this._onFinished = null;
      this._onOpen = [];
      if (abandoned) abandoned(error || closedEarly());
      callback(error);
      // In a tick of its own, as with a `net.Socket`, so that 'close' is emitted if a listener of 'error' throws.
      process.nextTick(() => this.emit('close', Boolean(error)));
    };
    if (this._closed) {
      process.nextTick(this._onClosed);
      return;
    }
    if (this._direct !== null) {
      this._direct.writeAll();
      this._direct.returnToStream();
    }
    if (this._number >= 0) native.servedDestroy(this._number);
    else this._dialling.abandon();
  }

  /**
   * Writes when the socket is connected, and calls back when more may be written.
   *
   * @param {number} length bytes
   * @param {() => boolean} write returns whether more may follow at once
   * @param {(error?: Error | null) => void} callback
   */
  _dispatch(length, write, callback) {
    if (this.connecting) {
      this._onFlushed = callback;
      this._onOpen.push(() => this._dispatch(length, write, callback));
      return;
    }
    this._onFlushed = null;
    this._dispatched += length;
    this._unrefTimer();
    if (write()) {
      callback();
      return;
    }
    this._inFlight = length;
    this._onFlushed = callback;
  }

  _stopTimer() {
    if (this._timer !== null) clearTimeout(this._timer);
    this._timer = null;
  }

  /** Restarts the timer of `setTimeout`; a `net.Socket` has this method under this name. */
  _unrefTimer() {
    if (this._timer) this._timer.refresh();
  }

  /**
   * Takes a native report about the connection: see `servedAttach` in ../native.d.ts.
   *
   * @param {number} length
   * @param {number} count
   */
  receive(length, count) {
    if (length > 0) {
      this._receive(Buffer.from(slab.subarray(0, length)));
    } else if (length === SOCKET_EVENTS) {
      if (count & Closed) connections[this._number] = undefined;
      this._settle(count);
    } else if (length === 0) {
      if (this._direct !== null) this._direct.returnToStream();
      this._end();
    }
  }

  /**
   * Bytes were read on Node's loop.
   *
   * @param {Buffer} chunk
   */
  _receive(chunk) {
    if (this.timeout) this._unrefTimer();
    this._reading = this.push(chunk);
    if (!this._reading && this._direct === null) native.servedRead(this._number, false);
  }

  /**
   * The connection is established and on Node's loop: writes the output of before, and emits 'connect'. Called by
   * ./dialling.
   *
   * @param {number} number of the connection
   * @param {SocketEndpoints} endpoints
   */
  open(number, { localAddress, localPort, remoteAddress, remotePort }) {
    this._number = number;
    connections[number] = this;
    if (this._reading) native.servedRead(number, true);
    this.localAddress = localAddress;
    this.localPort = localPort;
    this.localFamily = familyOf(localAddress);
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.remoteFamily = familyOf(remoteAddress);
    this.connecting = false;
    if (!this._noDelay) native.servedNoDelay(this._number, false);
    if (this._keepAlive) native.servedKeepAlive(this._number, ...this._keepAlive);
    this._unrefTimer();
    const waiting = this._onOpen;
    this._onOpen = [];
    for (const run of waiting) run();
    this.emit('connect');
    this.emit('ready');
    // Reads also if nobody does, so that a reset is noticed.
    if (this.readable && !this.isPaused()) this.read(0);
  }

  /**
   * Takes events besides those of bytes, as bits of `SocketEvents`.
   *
   * @param {number} report
   */
  _settle(report) {
    if (report & Flushed && this._onFlushed && !this.connecting) {
      const callback = this._onFlushed;
      this._onFlushed = null;
      this._inFlight = 0;
      this._unrefTimer();
      callback();
    }
    if (report & Finished && this._onFinished) {
      const callback = this._onFinished;
      this._onFinished = null;
      callback();
    }
    if (report & Failed) this.fail(/** @type {SocketFailure} */ (native.servedFailure(this._number)));
    if (report & Closed) this.close();
  }

  /** The peer has ended its stream. */
  _end() {
    if (this._ended) return;
    this._ended = true;
    this.push(null);
    // As with a `net.Socket`, a paused stream with an empty buffer emits 'end' at once.
    this.read(0);
  }

  /**
   * The connection has failed, or could not be made. Also called by ./dialling.
   *
   * @param {SocketFailure} failure
   */
  fail(failure) {
    // A proxy that closes without a response is an end of the stream, not an error.
    const isEnd = failure.syscall === 'proxy' && failure.code === 'EOF';
    this.destroy(isEnd ? undefined : errorOf(failure));
  }

  /**
   * The connection was closed, and no report will follow. Also called by ./dialling.
   *
   * @param {Error} [error] by default that of a socket which was closed before it was connected
   */
  close(error) {
    this._closed = true;
    this._received = this.bytesRead;
    this._dispatched += this._number < 0 ? 0 : native.servedWritten(this._number);
    this._number = -1;
    if (this._onClosed) this._onClosed();
    else this.destroy(error || closedEarly());
  }
}

/** @param {DialledSocket} socket */
function onTimeout(socket) {
  socket.emit('timeout');
}

/**
 * @param {string | undefined} address
 * @returns {'IPv4' | 'IPv6' | undefined}
 */
function familyOf(address) {
  if (address === undefined) return undefined;
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

module.exports = DialledSocket;
