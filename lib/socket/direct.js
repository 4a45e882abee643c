'use strict';

/**
 * A socket that is read and written past its stream, on Node's loop (see src/transport/event_loop): a
 * server's, whose handle Node keeps, or a dialled one. What is peculiar to either is its `Side`.
 *
 * @typedef {object} Side how a direct socket gets along with the stream beside it
 * @property {(driver: import('../driver/driver'), socket: any) => boolean} isFree whether nobody can
 *   tell the difference if the driver's socket is read past its stream
 * @property {(direct: DirectSocket) => boolean} stopStream has the stream read no more; false where it goes on
 * @property {(direct: DirectSocket) => void} startStream has the stream read again
 * @property {(direct: DirectSocket) => void} letGo gives up what was needed for reading past the stream, for good
 * @property {(direct: DirectSocket, length: number, count: number) => void} receive takes a report that is not of
 *   bytes or memory: see `servedAttach` in ../native.d.ts
 * @property {string[]} watched the stream's events beside pause and resume that somebody else may cause
 */
// Not the global one, which test runners replace.
const { setImmediate } = require('timers');

const { driverOf } = require('../driver/socket_pipe');
const { markDirty, clearDirty, currentRound } = require('../driver/dirty_list');
const { occupied } = require('../driver/reentry');
const { native, slab } = require('../driver/session');
const { connections, UNWRITTEN, MEMORY_WANTED, LANDED } = require('./event_loop');
const { refreshTimer } = require('./node_internals');

const EMPTY = Buffer.alloc(0);

/**
 * What a driver has as `_direct` while its socket is read past its stream, and as `_aside` while the
 * stream reads for a while: it steps aside while the application is paused. The stream reads instead, up to
 * its high-water mark, and so finds the end of the connection or its failure as any paused `net.Socket` does.
 */
class DirectSocket {
  /**
   * @param {import('../driver/driver')} driver
   * @param {any} socket a ByteStream with what its side needs besides
   * @param {Side} side
   */
  constructor(driver, socket, side) {
    this._driver = driver;
    this._socket = socket;
    this._side = side;
    /** Of the connection on the loop; -1 before it is there, and when it was let go of. */
    this._number = -1;
    this._dirtyRound = -1;
    this._dirtyBytes = 0;

    // Declared, not set: these begin on the prototype.
    /** @type {number} bytes that were read by the time the connection was let go of */
    this._read;
    /** @type {number} the same of those written */
    this._written;
    /** @type {Buffer | null} memory that was lent for a long message */
    this._landing;
  }

  /**
   * The connection on the loop has this number, and the stream does not read. For ./takeover, once.
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
    for (const event of this._side.watched) socket.on(event, onListener);
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
   * Whether the stream must not read.
   *
   * @returns {boolean}
   */
  get isReading() {
    return this._driver._direct === this;
  }

  // ---- output

  /**
   * Whether what is written now may go past the stream without overtaking anything.
   *
   * @returns {boolean}
   */
  get writable() {
    const socket = this._socket;
    return this._number >= 0 && socket.writableLength === 0 && socket.writableCorked === 0 && socket.writable;
  }

  /**
   * Whether there is output on the dirty list that has not been written yet.
   *
   * @returns {boolean}
   */
  get isDirty() {
    return this._dirtyRound === currentRound();
  }

  /**
   * Bytes of the output on the dirty list that has not been written yet.
   *
   * @returns {number}
   */
  get dirtyBytes() {
    return this.isDirty ? this._dirtyBytes : 0;
  }

  /**
   * Has the session's output written before the loop goes on, together with that of other connections.
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

  /** Something else is written first, or more: what is on the dirty list must not come in between. */
  clearDirty() {
    if (!this.isDirty) return;
    clearDirty(this._number);
    this._dirtyRound = -1;
  }

  /** Has the stream write what the kernel did not take of its output when the dirty list was written. */
  handOver() {
    this.clearDirty();
    this._driver._output.handOverAll();
  }

  /**
   * Writes the session's output at once.
   *
   * @returns {number} bytes of it that the kernel did not take
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
   * @returns {number} bytes of both that the kernel did not take
   */
  send(opcode, payload) {
    this.clearDirty();
    if (this._socket.timeout) refreshTimer(this._socket);
    return native.servedSend(this._number, opcode, payload);
  }

  /** The socket is ended or destroyed in the turn in which something was sent. */
  writeAll() {
    if (this.isReading && (this._driver._output.takePending() || this.isDirty)) native.servedWrite(this._number);
  }

  // ---- who reads

  /** The application wants no more for now. */
  pause() {
    if (!this.isReading) return;
    native.servedRead(this._number, false);
    if (this._driver._output.holders > 0) this._isHeld = true;
    this._settleLater();
  }

  /** The application wants to read again, unless something else holds the stream back. */
  resume() {
    this._isHeld = false;
    const { io, _input: input } = this._driver;
    if (io._paused || input.held !== null || this._socket.isPaused()) return;
    if (!this.isReading) this._settleLater();
    else if (!native.servedRead(this._number, true)) this.returnToStream();
  }

  /** Steps aside, or comes back, before the loop polls again. */
  _settleLater() {
    if (this._isSettling) return;
    this._isSettling = true;
    setImmediate(settle, this);
  }

  /** Has the stream read for a while. */
  stepAside() {
    const { _driver: driver } = this;
    if (!this.isReading) return;
    if (this.isDirty) driver._output.flush();
    // What has arrived of a long message is the session's.
    native.servedRaw(this._number, false);
    this._raw = false;
    this._landing = null;
    driver._direct = null;
    driver._aside = this;
    this._side.startStream(this);
    // It takes one chunk more, as every pipe has it, unless a listener of its own has paused its reader: the pipe is told now.
    if (this._isHeld) this._socket.emit('data', EMPTY);
  }

  /** Reads again in place of the stream, unless that has something left or something else is different. */
  comeBack() {
    const { _driver: driver, _socket: socket, _side: side } = this;
    if (driver._aside !== this || !side.isFree(driver, socket) || !side.stopStream(this)) return;
    driver._input.stopLanding();
    driver._aside = null;
    driver._direct = this;
    if (!native.servedRead(this._number, true)) this.returnToStream();
  }

  /**
   * Lets go of the socket: neither reads nor writes it any more.
   *
   * @returns {boolean} false when it had been let go of before
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
    for (const event of side.watched) socket.removeListener(event, onListener);
    return true;
  }

  /** Has the stream go on reading where we stopped. */
  returnToStream() {
    const { isReading } = this;
    if (isReading && this.isDirty) this._driver._output.flush();
    if (this.release() && isReading && !this._socket.destroyed) this._side.startStream(this);
  }

  // ---- input

  /**
   * Takes a report of the native side: see `servedAttach` in ../native.d.ts.
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
    // Destroyed in this turn of the loop.
    if (socket.destroyed) return this.release();
    if (socket.timeout) refreshTimer(socket);
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
   * Has the rest of a long message read to `memory`.
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
   * The `length` bytes in the slab will be overwritten: what is left of them is copied, and chunks that follow come
   * unparsed until it is delivered.
   *
   * @param {number} length
   */
  leaveSlab(length) {
    const { _input: input } = this._driver;
    const isRaw = input.leaveSlab(length);
    if (!isRaw && !this._raw) return;
    if (!this.isReading) return;
    if (input.held !== null) native.servedRead(this._number, false);
    this._raw = isRaw;
    native.servedRaw(this._number, this._raw);
  }
}

// What most connections never need.

DirectSocket.prototype._read = 0;
DirectSocket.prototype._written = 0;
DirectSocket.prototype._landing = null;
/** Whether chunks are handed over unparsed. */
DirectSocket.prototype._raw = false;
/** Whether `settle` will be called. */
DirectSocket.prototype._isSettling = false;
/** Whether a listener of the driver's has paused it. */
DirectSocket.prototype._isHeld = false;

/** @param {DirectSocket} direct */
function settle(direct) {
  direct._isSettling = false;
  if (direct._driver.io._paused || direct._socket.isPaused()) direct.stepAside();
  else direct.comeBack();
}

// ---- what others do to the stream

/** @this {object} */
function onPause() {
  const { _direct: direct } = driverOf(this);
  if (direct !== null) direct.pause();
}

/** @this {object} */
function onResume() {
  const { _direct, _aside } = driverOf(this);
  const direct = _direct || _aside;
  if (direct !== null) direct.resume();
}

/**
 * Somebody else begins to read, or the driver ceases to: they get what a stream gives.
 *
 * @this {object}
 * @param {string | symbol} event
 */
function onListener(event) {
  const { _direct: direct } = driverOf(this);
  // What is aside looks before it comes back.
  if (direct !== null && (event === 'data' || event === 'readable')) direct.returnToStream();
}

module.exports = DirectSocket;
