'use strict';

/**
 * The fast path of a server connection: the addon reads and writes the socket's descriptor on
 * Node's loop, past Node's streams. Node's socket keeps its place and its life cycle: its handle
 * only stops reading, what the kernel does not take at once is written through it, and an end or
 * an error is left to it to find. Nobody who holds the socket can tell the difference.
 */
const { Socket } = require('net');
const { getSystemErrorName } = require('util');

const { settleLater, hold } = require('./driver/aside');
const { hasPlainWrite } = require('./driver/coupling');
const { mark, unmark, currentRound } = require('./driver/marks');
const { occupied } = require('./driver/reentry');
const { native, slab } = require('./driver/session');
const { attach, connections, FAILED, UNWRITTEN, MEMORY_WANTED, LANDED } = require('./socket/event_loop');

const kKernel = Symbol('kernel');

class KernelSocket {
  constructor(driver, socket, handle) {
    this._driver = driver;
    this._socket = socket;
    this._handle = handle;
    this._number = -1;
    this._markedIn = -1;
    this._markedBytes = 0;
  }

  get bytesRead() {
    return this._number < 0 ? this._read : native.servedReceived(this._number);
  }

  get bytesWritten() {
    return this._number < 0 ? this._written : native.servedWritten(this._number);
  }

  /** Whether Node's socket must not read. */
  get isReading() {
    return this._driver._kernel === this;
  }

  /** Whether what is written now may go past Node's stream without overtaking anything. */
  get writable() {
    const socket = this._socket;
    return this._number >= 0 && socket.writableLength === 0 && socket.writableCorked === 0 && socket.writable;
  }

  /** Whether there is output that was marked and has not been written yet. */
  get isMarked() {
    return this._markedIn === currentRound();
  }

  /** Bytes of the output that was marked and has not been written yet. */
  get markedBytes() {
    return this.isMarked ? this._markedBytes : 0;
  }

  /** Has the session's output of `bytes` written together with that of other connections. */
  mark(bytes) {
    if (this._socket.timeout) this._socket._unrefTimer();
    if (this.isMarked) {
      this._markedBytes += bytes;
    } else {
      this._markedIn = mark(this._number);
      this._markedBytes = bytes;
    }
  }

  /** Something else is written first, or more: what was marked must not come in between. */
  unmark() {
    if (!this.isMarked) return;
    unmark(this._number);
    this._markedIn = -1;
  }

  /** Has Node's stream write what the kernel did not take of the marked output. */
  handOver() {
    this.unmark();
    this._driver.handOverAll();
  }

  /** Writes the session's output; returns how many bytes of it the kernel did not take. */
  write() {
    if (this._socket.timeout) this._socket._unrefTimer();
    this.unmark();
    return native.servedWrite(this._number);
  }

  /** Writes the session's output and a message behind it; returns as `write` does. */
  send(opcode, payload) {
    this.unmark();
    if (this._socket.timeout) this._socket._unrefTimer();
    return native.servedSend(this._number, opcode, payload);
  }

  /** The socket is ended or destroyed in the turn in which something was sent. */
  writeAll() {
    const driver = this._driver;
    if (!this.isReading || driver._pending === 0 && !this.isMarked) return;
    driver._pending = 0;
    native.servedWrite(this._number);
  }

  /** The application wants no more for now. */
  pause() {
    if (!this.isReading) return;
    native.servedRead(this._number, false);
    if (this._driver._depth > 0) this._isHeld = true;
    settleLater(this);
  }

  resume() {
    this._isHeld = false;
    if (this._driver.io._paused || this._driver._held !== null || this._socket.isPaused()) return;
    if (!this.isReading) settleLater(this);
    else if (!native.servedRead(this._number, true)) this.giveBack();
  }

  /** Has Node's socket read for a while. */
  stepAside() {
    const { _driver: driver, _socket: socket } = this;
    if (!this.isReading) return;
    if (this.isMarked) driver.flush();
    // What has arrived of a long message is the session's.
    native.servedRaw(this._number, false);
    this._raw = false;
    this._landing = null;
    driver._kernel = null;
    driver._aside = this;
    this._startStream();
    if (this._isHeld) hold(socket);
  }

  /** Reads again in place of Node's socket, unless that has something left or something else is different. */
  comeBack() {
    const { _driver: driver, _socket: socket, _handle: handle } = this;
    if (driver._aside !== this || socket._handle !== handle || !isFree(driver, socket) || handle.readStop() !== 0) return;
    handle.reading = false;
    driver._stopLanding();
    driver._handle = null;
    driver._aside = null;
    driver._kernel = this;
    if (!native.servedRead(this._number, true)) this.giveBack();
  }

  _startStream() {
    this._driver._handle = this._handle;
    this._handle.reading = true;
    const error = this._handle.readStart();
    if (error) this._socket.destroy(systemError(error, 'read'));
  }

  /** Lets go of the descriptor. */
  release() {
    if (this._number < 0) return false;
    this._read = this.bytesRead;
    this._written = this.bytesWritten;
    native.servedRelease(this._number);
    connections[this._number] = undefined;
    this._number = -1;
    this._landing = null;
    this._driver._kernel = null;
    this._driver._aside = null;
    const socket = this._socket;
    socket.removeListener('pause', onPause);
    socket.removeListener('resume', onResume);
    socket.removeListener('newListener', onNewListener);
    return true;
  }

  /** Has Node's socket go on reading where we stopped. */
  giveBack() {
    const { isReading } = this;
    if (isReading && this.isMarked) this._driver.flush();
    if (this.release() && isReading && !this._socket.destroyed) this._startStream();
  }

  receive(length, count) {
    const { _socket: socket, _driver: driver } = this;
    if (length === UNWRITTEN) return this.handOver();
    if (length === MEMORY_WANTED) return this._lend(Buffer.allocUnsafeSlow(count));
    // Destroyed in this turn of the loop.
    if (socket.destroyed) return this.release();
    if (length <= 0) {
      this.giveBack();
      // Reading has consumed the error; Node would find nothing but the end of the stream.
      if (length < 0 && length !== FAILED) socket.destroy(systemError(length, 'read'));
      return;
    }
    if (socket.timeout) socket._unrefTimer();
    occupied.by = this;
    occupied.length = length;
    try {
      if (count & LANDED) driver._takeReport(driver._landed = this._takeLanding(), length, 1);
      else if (!this._raw) driver._takeReport(slab, length, count);
      else driver.parse(slab.subarray(0, length));
    } finally {
      occupied.by = null;
      this.leaveSlab(length);
    }
  }

  /** Has the rest of a long message read to `memory`; false if it has to come in chunks. */
  land(memory) {
    if (this._raw) return false;
    this._lend(memory);
    return true;
  }

  _lend(memory) {
    this._landing = memory;
    native.servedLand(this._number, memory);
  }

  _takeLanding() {
    const memory = this._landing;
    this._landing = null;
    return memory;
  }

  /** What is left of a chunk goes first, and what follows comes unparsed until it is gone. */
  leaveSlab(length) {
    const isRaw = this._driver._leaveSlab(length);
    if (!isRaw && !this._raw) return;
    if (!this.isReading) return;
    if (this._driver._held !== null) native.servedRead(this._number, false);
    this._raw = isRaw;
    native.servedRaw(this._number, this._raw);
  }
}

// What most connections never need.
Object.assign(KernelSocket.prototype, {
  /** Bytes that were read and written by the time the descriptor was let go of. */
  _read: 0,
  _written: 0,
  /** Memory that was lent for a long message, or null. */
  _landing: null,
  /** Whether chunks are handed over unparsed. */
  _raw: false,
  /** See ./driver/aside. */
  _isSettling: false,
  /** Whether a listener of the driver's has paused it. */
  _isHeld: false,
});

/** What Node makes of a system call's failure. */
function systemError(errno, syscall) {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`${syscall} ${code}`), { errno, code, syscall });
}

// ---- what others do to the socket

function onPause() {
  kernelOf(this).pause();
}

function onResume() {
  kernelOf(this).resume();
}

/** Somebody else wants to read: they get what a stream gives. */
function onNewListener(event) {
  const kernel = kernelOf(this);
  // What is aside looks before it comes back.
  if (kernel.isReading && (event === 'data' || event === 'readable')) kernel.giveBack();
}

function kernelOf(socket) {
  return socket._handle && socket._handle[kKernel] || NONE;
}

const NONE = { isReading: false, pause() {}, resume() {} };

// ---- the handle

const disguises = new Map();

/**
 * A prototype between a handle and its own: it counts our bytes, keeps the stream from reading
 * beside us, and lets go of the descriptor before it is closed.
 */
function disguise(original) {
  let prototype = disguises.get(original);
  if (prototype !== undefined) return prototype;
  const counter = (name) => {
    const getter = getterOf(original, name);
    return getter && {
      get() { return getter.call(this) + this[kKernel][name]; }, configurable: true, enumerable: true,
    };
  };
  const bytesRead = counter('bytesRead');
  const bytesWritten = counter('bytesWritten');
  const methods = ['readStart', 'readStop', 'shutdown', 'close', 'unref'];
  if (bytesRead && bytesWritten && methods.every((name) => typeof original[name] === 'function')) {
    prototype = Object.create(original, { bytesRead, bytesWritten });
    prototype.readStart = function () {
      return this[kKernel].isReading ? 0 : original.readStart.call(this);
    };
    prototype.unref = function () {
      this[kKernel].giveBack();
      return original.unref.call(this);
    };
    prototype.shutdown = function (request) {
      this[kKernel].writeAll();
      return original.shutdown.call(this, request);
    };
    for (const name of ['close', 'reset']) {
      if (typeof original[name] !== 'function') continue;
      prototype[name] = function (callback) {
        this[kKernel].writeAll();
        this[kKernel].release();
        return original[name].call(this, callback);
      };
    }
  } else {
    prototype = null;
  }
  disguises.set(original, prototype);
  return prototype;
}

function getterOf(object, name) {
  for (; object; object = Object.getPrototypeOf(object)) {
    const property = Object.getOwnPropertyDescriptor(object, name);
    if (property) return property.get;
  }
}

// ---- taking a socket over

/** Whether everything about the socket is as Node's http server leaves it. */
function isPlain(socket, io) {
  return Object.getPrototypeOf(socket) === Socket.prototype &&
    !socket.connecting && !socket.destroyed && socket.readable && socket.writable &&
    socket.readableFlowing === true && socket.readableLength === 0 && socket.readableEncoding === null &&
    socket.writableLength === 0 && socket.writableCorked === 0 &&
    socket.listenerCount('data') === 1 && socket.listenerCount('readable') === 0 &&
    io._sink === socket && io.listenerCount('data') === 0 &&
    hasPlainWrite(socket) && !['read', 'push', 'emit', '_read', '_write'].some((name) => Object.hasOwn(socket, name));
}

/** Whether the driver has been given what it has not delivered yet. */
function hasInput({ _early, _isBehind }) {
  return _early !== null || _isBehind;
}

/** Whether nobody can tell the difference if the driver's socket is read past its stream. */
function isFree(driver, socket) {
  return driver.readyState <= 1 && !driver.io._paused && !hasInput(driver) && isPlain(socket, driver.io);
}

/**
 * Reads and writes `socket` past its stream from now on, if that is certain to make no difference.
 * It must be coupled to the driver.
 */
function takeSocket(driver, socket) {
  const copy = attach();
  if (copy < 0 || !isFree(driver, socket)) return false;
  const handle = socket._handle;
  if (!handle || !(handle.fd >= 0) || !handle.hasRef || !handle.hasRef() || handle[kKernel]) return false;
  const prototype = disguise(Object.getPrototypeOf(handle));
  if (prototype === null) return false;

  const kernel = new KernelSocket(driver, socket, handle);
  const number = native.servedWatch(copy, handle.fd, driver._id, kernel);
  if (number < 0) return false;
  if (handle.readStop() !== 0) {
    native.servedRelease(number);
    return false;
  }
  handle.reading = false;

  driver._stopLanding();
  kernel._number = number;
  connections[number] = kernel;
  driver._kernel = kernel;
  handle[kKernel] = kernel;
  Object.setPrototypeOf(handle, prototype);
  socket.on('pause', onPause);
  socket.on('resume', onResume);
  socket.on('newListener', onNewListener);
  return true;
}

module.exports = { takeSocket };
