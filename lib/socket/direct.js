'use strict';

/**
 * A socket that is read and written past its stream, on Node's loop (see src/transport/event_loop): a server's, whose handle
 * Node keeps, or a dialled one. What differs between the two is in their `Side`s.
 *
 * @import { ByteStream, Side } from '../contracts'
 * @import Driver from '../driver/driver'
 */
// Not the global function, which test runners replace.
const { setImmediate } = require('timers');

const { driverOf } = require('../driver/socket_pipe');
const { markDirty, clearDirty, currentRound } = require('../driver/dirty_list');
const { occupied } = require('../driver/reentry');
const { native, slab } = require('../driver/session');
const { connections, UNWRITTEN, MEMORY_WANTED, LANDED } = require('./event_loop');
const { listenersOf, refreshTimer } = require('./node_internals');

const EMPTY = Buffer.alloc(0);

/**
 * `_direct` of a driver while its socket is read past its stream. It steps aside while the application has paused, and is
 * `_aside` of the driver then: the stream reads instead, up to its high-water mark, and so finds the end of the connection
 * or its failure, as any paused `net.Socket` does.
 *
 * @template {ByteStream} [S=ByteStream]
 */
class DirectSocket {
  /**
   * @param {Driver} driver
   * @param {S} socket
   * @param {Side<S>} side
   */
  constructor(driver, socket, side) {
    this._driver = driver;
    this._socket = socket;
    this._side = side;
    /** The stream's `write`: with another one, output is written by that. */
    this._streamWrite = socket.write;
    /** The number of the connection on the loop; -1 before there is one, and after it was released. */
    this._number = -1;
    this._dirtyRound = -1;
    this._dirtyBytes = 0;

    // Declared, not set: these begin on the prototype.
    /** @type {number} bytes that were read when the connection was released */
    this._read;
    /** @type {number} bytes that were written then */
    this._written;
    /** @type {Buffer | null} memory that was lent for a long message */
    this._landing;
  }

  /**
   * Begins to read and write past the stream, which does not read any more. Called by ./takeover, once.
   *
   * @param {number} number
   */
  begin(number) {
    const { _socket: socket } = this;
    this._number = number;
    connections[number] = this;
    this._driver._input.stopLanding();
    this._driver._direct = this;
    socket.on('pause', onPause);
    socket.on('resume', onResume);
    socket.on('newListener', onListener);
  }

  /**
   * Bytes read.
   *
   * @returns {number}
   */
  get bytesRead() {
    return this._number < 0 ? this._read : native.servedReceived(this._number);
  }

  /**
   * Bytes written past the stream.
   *
   * @returns {number}
   */
  get bytesWritten() {
    return this._number < 0 ? this._written : native.servedWritten(this._number);
  }

  /**
   * Whether this reads, and the stream must not.
   *
   * @returns {boolean}
   */
  get isReading() {
    return this._driver._direct === this;
  }

  // ---- output

  /**
   * Whether output may be written past the stream now: the stream has none that would come before.
   *
   * @returns {boolean}
   */
  get writable() {
    const socket = this._socket;
    return this._number >= 0 && socket.writableLength === 0 && socket.writableCorked === 0 && socket.writable &&
      socket.write === this._streamWrite;
  }

  /**
   * Whether the connection is on the dirty list, which has not been written yet.
   *
   * @returns {boolean}
   */
  get isDirty() {
    return this._dirtyRound === currentRound();
  }

  /**
   * The length of the output for which it is on the dirty list.
   *
   * @returns {number}
   */
  get dirtyBytes() {
    return this.isDirty ? this._dirtyBytes : 0;
  }

  /**
   * Puts the connection on the dirty list: its output is written before the loop goes on, with that of other connections.
   *
   * @param {number} bytes length of that output
   */
  markDirty(bytes) {
    if (this._socket.timeout) refreshTimer(this._socket);
    if (this.isDirty) {
      this._dirtyBytes += bytes;
    } else {
      this._dirtyRound = markDirty(this._number);
      this._dirtyBytes = bytes;
    }
  }

  /** Takes the connection off the dirty list, as its output is written at once. */
  clearDirty() {
    if (!this.isDirty) return;
    clearDirty(this._number);
    this._dirtyRound = -1;
  }

  /** The kernel has not taken all output when the dirty list was written: the stream has to write the rest. */
  handOver() {
    this.clearDirty();
    this._driver._output.handOverAll();
  }

  /**
   * Writes the session's output at once.
   *
   * @returns {number} bytes that the kernel has not taken
   */
  write() {
    if (this._socket.timeout) refreshTimer(this._socket);
    this.clearDirty();
    return native.servedWrite(this._number);
  }

  /**
   * Writes the session's output and a message behind it.
   *
   * @param {number} opcode reserved bits above its low four bits
   * @param {Buffer} payload
   * @returns {number} bytes of both that the kernel has not taken
   */
  send(opcode, payload) {
    this.clearDirty();
    if (this._socket.timeout) refreshTimer(this._socket);
    return native.servedSend(this._number, opcode, payload);
  }

  /** Writes output that waits for the end of the turn, as the socket is about to be ended or destroyed. */
  writeAll() {
    if (this.isReading && (this._driver._output.takePending() || this.isDirty)) native.servedWrite(this._number);
  }

  // ---- whether this reads, or the stream

  /** The application has paused. */
  pause() {
    if (!this.isReading) return;
    native.servedRead(this._number, false);
    if (this._driver._output.holders > 0) this._isHeld = true;
    this._settleLater();
  }

  /** The application has resumed: reads again, unless the stream or the input still has to wait. */
  resume() {
    this._isHeld = false;
    const { io, _input: input } = this._driver;
    if (io._paused || input.isFull || this._socket.isPaused()) return;
    if (!this.isReading) this._settleLater();
    else if (!native.servedRead(this._number, true)) this.returnToStream();
  }

  /** Steps aside or comes back at the end of this turn, whichever is right then. */
  _settleLater() {
    if (this._isSettling) return;
    this._isSettling = true;
    setImmediate(settle, this);
  }

  /** Steps aside: has the stream read. */
  stepAside() {
    const { _driver: driver } = this;
    if (!this.isReading) return;
    if (this.isDirty) driver._output.flush();
    // The bytes of a long message that have arrived are given back to the session.
    native.servedRaw(this._number, false);
    this._raw = false;
    this._landing = null;
    driver._direct = null;
    driver._aside = this;
    this._side.startStream(this);
    // A pipe stops its stream only after the next chunk. Where a listener has paused, as if in a chunk, the pipe learns of
    // it by an empty one now.
    if (this._isHeld) this._socket.emit('data', EMPTY);
  }

  /** Comes back: reads again in place of the stream, unless that has buffered bytes, or is used by other code. */
  comeBack() {
    const { _driver: driver, _socket: socket, _side: side } = this;
    if (driver._aside !== this || !side.isFree(driver, socket) || !side.stopStream(this)) return;
    driver._input.stopLanding();
    driver._aside = null;
    driver._direct = this;
    if (!native.servedRead(this._number, true)) this.returnToStream();
  }

  /**
   * Releases the connection on the loop: neither reads nor writes the socket any more.
   *
   * @returns {boolean} false when it was released before
   */
  release() {
    if (this._number < 0) return false;
    const { _driver: driver, _socket: socket, _side: side } = this;
    this._read = this.bytesRead;
    this._written = this.bytesWritten;
    side.letGo(this);
    this._number = -1;
    this._landing = null;
    driver._direct = null;
    driver._aside = null;
    socket.removeListener('pause', onPause);
    socket.removeListener('resume', onResume);
    socket.removeListener('newListener', onListener);
    return true;
  }

  /** Releases the connection, and has the stream read on. */
  returnToStream() {
    const { isReading } = this;
    if (isReading && this.isDirty) this._driver._output.flush();
    if (this.release() && isReading && !this._socket.destroyed) this._side.startStream(this);
  }

  // ---- input

  /**
   * Takes a native report about the connection: see `servedAttach` in ../native.d.ts.
   *
   * @param {number} length
   * @param {number} count
   */
  receive(length, count) {
    if (length > 0) return this._take(length, count);
    if (length === UNWRITTEN) return this.handOver();
    if (length === MEMORY_WANTED) return this._lend(Buffer.allocUnsafeSlow(count));
    this._side.receive(this, length, count);
  }

  /**
   * @param {number} length bytes, in the slab or in memory that was lent
   * @param {number} count events
   */
  _take(length, count) {
    const { _socket: socket, _driver: driver } = this;
    // The socket was destroyed in this turn of the loop.
    if (socket.destroyed) return this.release();
    if (socket.timeout) refreshTimer(socket);
    // The driver's 'data' listener was removed: a flowing stream drops what it reads. (Node 20 emits no 'removeListener' then.)
    const listeners = listenersOf(socket);
    if (listeners !== null && listeners.data === undefined) return this.returnToStream();
    occupied.by = this;
    occupied.length = length;
    try {
      if (count & LANDED) driver._input.takeLanded(/** @type {Buffer} */ (this._takeLanding()), length);
      else if (!this._raw) driver._input.takeReport(slab, length, count);
      else driver.parse(slab.subarray(0, length));
    } finally {
      occupied.by = null;
      this.leaveSlab(length);
    }
  }

  /**
   * Has the rest of a long message read into `memory`.
   *
   * @param {Buffer} memory with what has arrived of the message in its first bytes
   * @returns {boolean} false if the rest has to come in chunks
   */
  land(memory) {
    if (this._raw) return false;
    this._lend(memory);
    return true;
  }

  /** @param {Buffer} memory */
  _lend(memory) {
    this._landing = memory;
    native.servedLand(this._number, memory);
  }

  /** @returns {Buffer | null} */
  _takeLanding() {
    const memory = this._landing;
    this._landing = null;
    return memory;
  }

  /**
   * The first `length` bytes of the slab will be overwritten: copies what is still needed of them. Chunks are reported
   * unparsed until that was delivered.
   *
   * @param {number} length
   */
  leaveSlab(length) {
    const { _input: input } = this._driver;
    const isRaw = input.leaveSlab(length);
    if (!isRaw && !this._raw && !input.isFull) return;
    if (!this.isReading) return;
    if (input.isFull) native.servedRead(this._number, false);
    this._raw = isRaw;
    native.servedRaw(this._number, this._raw);
  }
}

// Fields that most connections never set: they use no memory on the prototype.

DirectSocket.prototype._read = 0;
DirectSocket.prototype._written = 0;
DirectSocket.prototype._landing = null;
/** Whether chunks are reported unparsed. */
DirectSocket.prototype._raw = false;
/** Whether `settle` will be called. */
DirectSocket.prototype._isSettling = false;
/** Whether it was paused by a listener while a chunk was dispatched. */
DirectSocket.prototype._isHeld = false;

/** @param {DirectSocket} direct */
function settle(direct) {
  direct._isSettling = false;
  if (direct._driver.io._paused || direct._socket.isPaused()) direct.stepAside();
  else direct.comeBack();
}

// ---- what other code does to the stream

/**
 * The driver of a stream whose events are watched here.
 *
 * @param {ByteStream} stream
 * @returns {Driver}
 */
function ownDriver(stream) {
  return /** @type {Driver} */ (driverOf(stream));
}

/** @this {ByteStream} */
function onPause() {
  const { _direct: direct } = ownDriver(this);
  if (direct !== null) direct.pause();
}

/** @this {ByteStream} */
function onResume() {
  const { _direct, _aside } = ownDriver(this);
  const direct = _direct || _aside;
  if (direct !== null) direct.resume();
}

/**
 * Other code begins to read the stream: returns the socket to it.
 *
 * @this {ByteStream}
 * @param {string | symbol} event
 */
function onListener(event) {
  const { _direct: direct } = ownDriver(this);
  // A direct socket that has stepped aside checks this when it comes back.
  if (direct !== null && (event === 'data' || event === 'readable')) direct.returnToStream();
}

module.exports = DirectSocket;
