'use strict';

/**
 * Connections that were dialled natively and are then read and written on Node's loop, in its thread.
 * Their bytes reach NativeSocket as any stream's; or, while nobody but the driver reads there, they
 * are parsed natively and what the driver has to say is written past the stream. Nobody who holds the
 * stream can tell the difference.
 */
const { settleLater, hold } = require('./driver/aside');
const { driverOf, hasPlainWrite } = require('./driver/coupling');
const { occupied } = require('./driver/reentry');
const { native, slab } = require('./driver/session');

/** What reads and writes for a driver, past the stream: what `KernelSocket` is for a server. */
class ClientLine {
  constructor(driver, socket, number) {
    this._driver = driver;
    this._socket = socket;
    this._state = socket._writableState;
    this._number = number;
    this._raw = false;
    this._counted = 0;
  }

  /** Bytes written past the stream that it has not counted. */
  get bytesWritten() {
    return native.servedWritten(this._number) - this._counted;
  }

  /** Whether what is written now may go past the stream without overtaking anything. */
  get writable() {
    const state = this._state;
    return state.length === 0 && state.corked === 0 && this._socket.writable;
  }

  /** Has the session's output written: at once, as a client seldom has a crowd to wait for. */
  mark() {
    this._driver._handOver(this.write());
  }

  unmark() {}

  /** The rest of a long message comes in chunks. */
  land() {
    return false;
  }

  /** Writes the session's output; returns how many bytes of it the kernel did not take. */
  write() {
    this._socket._refreshTimer();
    return native.servedWrite(this._number);
  }

  /** Writes the session's output and a message behind it; returns as `write` does. */
  send(opcode, payload) {
    this._socket._refreshTimer();
    return native.servedSend(this._number, opcode, payload);
  }

  /** The application wants no more for now. */
  pause() {
    native.servedRead(this._number, false);
    if (this._driver._depth > 0) this._isHeld = true;
    settleLater(this);
  }

  resume() {
    this._isHeld = false;
    if (this._driver.io._paused || this._driver._held !== null || this._socket.isPaused()) return;
    if (this._socket._line !== this) settleLater(this);
    else native.servedRead(this._number, true);
  }

  /** Lets bytes go through the stream for a while. */
  stepAside() {
    const { _socket: socket, _driver: driver } = this;
    if (socket._line !== this) return;
    const { bytesWritten } = this;
    socket._dispatched += bytesWritten;
    this._counted += bytesWritten;
    socket._line = null;
    driver._kernel = null;
    driver._aside = this;
    this._raw = false;
    native.servedSession(this._number, -1);
    native.servedRead(this._number, socket._reading);
    if (this._isHeld) hold(socket);
  }

  /** Reads past the stream again, unless that has something left or something else is different. */
  comeBack() {
    const { _socket: socket, _driver: driver } = this;
    if (driver._aside === this && isFree(driver, socket)) this.take();
  }

  take() {
    const { _socket: socket, _driver: driver } = this;
    driver._stopLanding();
    driver._aside = null;
    driver._kernel = this;
    socket._line = this;
    native.servedSession(this._number, driver._id);
    native.servedRead(this._number, true);
  }

  /** Lets bytes go through the stream from now on. */
  giveBack() {
    const { _socket: socket, _driver: driver } = this;
    this.stepAside();
    if (driver._aside !== this) return;
    driver._aside = null;
    socket.removeListener('pause', onPause);
    socket.removeListener('resume', onResume);
    socket.removeListener('newListener', onListener);
    socket.removeListener('removeListener', onListener);
  }

  receive(length, count) {
    const { _socket: socket, _driver: driver } = this;
    socket.bytesRead += length;
    socket._refreshTimer();
    occupied.by = this;
    occupied.length = length;
    try {
      if (!this._raw) driver._takeReport(slab, length, count);
      else driver.parse(slab.subarray(0, length));
    } finally {
      occupied.by = null;
      this.leaveSlab(length);
    }
  }

  /** What is left of a chunk goes first, and what follows comes unparsed until it is gone. */
  leaveSlab(length) {
    const isRaw = this._driver._leaveSlab(length);
    if (!isRaw && !this._raw) return;
    if (this._socket._line !== this) return;
    if (this._driver._held !== null) native.servedRead(this._number, false);
    this._raw = isRaw;
    native.servedRaw(this._number, this._raw);
  }
}

ClientLine.prototype.isMarked = false;
ClientLine.prototype.markedBytes = 0;
ClientLine.prototype._isSettling = false;
ClientLine.prototype._isHeld = false;

// ---- what others do to the stream

function onPause() {
  if (this._line !== null) this._line.pause();
}

function onResume() {
  const direct = this._line || driverOf(this)._aside;
  if (direct !== null) direct.resume();
}

/** Somebody else begins to read, or the driver ceases to: they get what a stream gives. */
function onListener(event) {
  if ((event === 'data' || event === 'readable') && this._line !== null) this._line.giveBack();
}

// ---- taking a stream over

/** Whether the driver is the only one that reads, and nobody stands between it and the socket. */
function isPlain(socket, { io }) {
  return !socket.destroyed && socket.readable && socket.writable &&
    socket.readableFlowing === true && socket.readableLength === 0 && socket.readableEncoding === null &&
    socket._writableState.length === 0 && socket._writableState.corked === 0 &&
    socket.listenerCount('data') === 1 && socket.listenerCount('readable') === 0 &&
    io.listenerCount('data') === 1 &&
    hasPlainWrite(socket) && !['read', 'push', 'emit', '_read', '_write'].some((name) => Object.hasOwn(socket, name));
}

function isFree(driver, socket) {
  return socket._number >= 0 && driver.readyState <= 1 && !driver.io._paused && !driver._isBehind && isPlain(socket, driver);
}

/**
 * Reads and writes for `driver` past the stream of `socket` from now on, if that is certain to make
 * no difference. The two must be piped into each other.
 */
function takeLine(driver, socket) {
  if (!isFree(driver, socket)) return;
  new ClientLine(driver, socket, socket._number).take();
  socket.on('pause', onPause);
  socket.on('resume', onResume);
  socket.on('newListener', onListener);
  socket.on('removeListener', onListener);
}

module.exports = { takeLine };
