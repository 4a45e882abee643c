'use strict';

/**
 * Taking sockets over from their streams, where other code that has the socket can see no difference.
 *
 * Node keeps a server's socket and its life cycle: its handle only stops reading. Bytes that the kernel does not take at
 * once are written through the stream, and at an end or an error the stream reads again, and finds it. A dialled socket is
 * taken over only while its driver is its only reader.
 *
 * @import { ByteStream, Side, StreamHandle } from '../contracts'
 * @import Driver from '../driver/driver'
 * @import DialledSocket from './dialled'
 */
const { Socket } = require('net');

const { hasPlainWrite } = require('../driver/socket_pipe');
const { native } = require('../driver/session');
const DirectSocket = require('./direct');
const { systemError } = require('./errors');
const { attach, connections, FAILED } = require('./event_loop');
const { plainHandle, stopReading, startReading, getterOf } = require('./node_internals');

const kDirect = Symbol('direct');

/** Methods that a stream calls on itself: where a socket has one of its own, that would not be called any more. */
const OVERRIDABLE = ['read', 'push', 'emit', '_read', '_write'];

/**
 * Whether a stream is read by its pipe only, and has the methods of all streams of its kind.
 *
 * @param {any} socket
 * @returns {boolean}
 */
function isUnchanged(socket) {
  return socket.listenerCount('data') === 1 && socket.listenerCount('readable') === 0 &&
    hasPlainWrite(socket) && !OVERRIDABLE.some((name) => Object.hasOwn(socket, name));
}

/**
 * Whether a stream is unchanged, flows, and has nothing buffered.
 *
 * @param {any} socket
 * @returns {boolean}
 */
function isPlain(socket) {
  return !socket.destroyed && socket.readable && socket.writable &&
    socket.readableFlowing === true && socket.readableLength === 0 && socket.readableEncoding === null &&
    socket.writableLength === 0 && socket.writableCorked === 0 && isUnchanged(socket);
}

/**
 * Whether the driver is not paused, and has delivered all input that it got.
 *
 * @param {Driver} driver
 * @returns {boolean}
 */
function isCurrent({ readyState, io, _handshake: handshake, _input: input }) {
  return readyState <= 1 && !io._paused && (handshake === null || !handshake.holdsInput) && !input.isBehind;
}

// ---- sockets of Node's http server

/** @type {Side<ByteStream>} */
const nodeSide = {
  isFree(driver, socket) {
    const { io } = driver;
    return isCurrent(driver) && Object.getPrototypeOf(socket) === Socket.prototype && !socket.connecting &&
      io._sink === socket && io.listenerCount('data') === 0 && isPlain(socket);
  },

  stopStream({ _driver: { _handle: handle }, _socket: socket }) {
    return handle !== null && socket._handle === handle && stopReading(handle);
  },

  startStream({ _driver: driver, _socket: socket }) {
    const error = startReading(/** @type {StreamHandle} */ (driver._handle));
    if (error) socket.destroy(systemError(error, 'read'));
  },

  letGo({ _number: number }) {
    native.servedRelease(number);
    connections[number] = undefined;
  },

  receive(direct, length) {
    const { _socket: socket } = direct;
    // The socket was destroyed in this turn of the loop.
    if (socket.destroyed) {
      direct.release();
      return;
    }
    direct.returnToStream();
    // Our read has taken the error: Node's would return the end of the stream.
    if (length < 0 && length !== FAILED) socket.destroy(systemError(length, 'read'));
  },
};

const disguises = new Map();

/**
 * Makes a prototype to be put between a handle and its own prototype: it adds our bytes to the handle's counters, keeps the
 * stream from reading while we do, and releases the connection before the descriptor is closed. Null for a handle without
 * the members that this needs.
 *
 * @param {any} original
 * @returns {any}
 */
function disguise(original) {
  let prototype = disguises.get(original);
  if (prototype !== undefined) return prototype;
  const counter = (/** @type {'bytesRead' | 'bytesWritten'} */ name) => {
    const getter = getterOf(original, name);
    return getter && {
      /** @this {any} */
      get() { return getter.call(this) + this[kDirect][name]; }, configurable: true, enumerable: true,
    };
  };
  const bytesRead = counter('bytesRead');
  const bytesWritten = counter('bytesWritten');
  const methods = ['readStart', 'readStop', 'shutdown', 'close', 'unref'];
  if (bytesRead && bytesWritten && methods.every((name) => typeof original[name] === 'function')) {
    prototype = Object.create(original, { bytesRead, bytesWritten });
    prototype.readStart = function () {
      return this[kDirect].isReading ? 0 : original.readStart.call(this);
    };
    prototype.unref = function () {
      this[kDirect].returnToStream();
      return original.unref.call(this);
    };
    prototype.shutdown = function (/** @type {object} */ request) {
      this[kDirect].writeAll();
      return original.shutdown.call(this, request);
    };
    for (const name of ['close', 'reset']) {
      if (typeof original[name] !== 'function') continue;
      prototype[name] = function (/** @type {() => void} */ callback) {
        this[kDirect].writeAll();
        this[kDirect].release();
        return original[name].call(this, callback);
      };
    }
  } else {
    prototype = null;
  }
  disguises.set(original, prototype);
  return prototype;
}

/**
 * Reads and writes a server's socket past its stream from now on, if nobody can see a difference. The socket must be coupled
 * to the driver, which has its handle.
 *
 * @param {Driver} driver
 * @param {ByteStream} socket
 */
function takeSocket(driver, socket) {
  const copy = attach();
  if (copy < 0 || !nodeSide.isFree(driver, socket)) return;
  const handle = plainHandle(socket);
  if (handle === null || handle[kDirect]) return;
  const prototype = disguise(Object.getPrototypeOf(handle));
  if (prototype === null) return;
  const direct = new DirectSocket(driver, socket, nodeSide);
  const number = native.servedWatch(copy, handle.fd, driver._id, direct);
  if (number < 0) return;
  if (!stopReading(handle)) {
    native.servedRelease(number);
    return;
  }
  direct.begin(number);
  handle[kDirect] = direct;
  Object.setPrototypeOf(handle, prototype);
}

/**
 * The answer has been written past the stream, and listeners have run: returns a socket to its stream that they have
 * changed, and takes one that could not be taken before them.
 *
 * @param {Driver} driver
 * @param {ByteStream} socket
 */
function settleSocket(driver, socket) {
  const { _direct: direct } = driver;
  if (direct === null) takeSocket(driver, socket);
  else if (!isUnchanged(socket)) direct.returnToStream();
}

// ---- dialled sockets

/** @type {Side<DialledSocket>} */
const dialledSide = {
  isFree(driver, socket) {
    return socket._number >= 0 && isCurrent(driver) && driver.io.listenerCount('data') === 1 && isPlain(socket);
  },

  stopStream(direct) {
    const { _driver: driver, _socket: socket } = direct;
    socket._direct = connections[socket._number] = direct;
    native.servedSession(socket._number, driver._id);
    return true;
  },

  startStream({ _socket: socket }) {
    returnSession(socket);
    native.servedRead(socket._number, socket._reading);
  },

  letGo({ _socket: socket }) {
    returnSession(socket);
  },

  receive({ _socket: socket }, length, count) {
    socket.receive(length, count);
  },
};

/**
 * Has chunks reported to the stream, unparsed.
 *
 * @param {DialledSocket} socket
 */
function returnSession(socket) {
  socket._direct = null;
  connections[socket._number] = socket;
  native.servedSession(socket._number, -1);
}

/**
 * Reads and writes a dialled socket past its stream from now on, if nobody can see a difference. Driver and socket must be
 * piped into each other.
 *
 * @param {Driver} driver
 * @param {ByteStream} stream nothing is done unless it is a DialledSocket
 */
function takeDialled(driver, stream) {
  const socket = /** @type {DialledSocket} */ (stream);
  if (!dialledSide.isFree(driver, socket)) return;
  const direct = new DirectSocket(driver, socket, dialledSide);
  dialledSide.stopStream(direct);
  direct.begin(socket._number);
  native.servedRead(socket._number, true);
}

module.exports = { takeSocket, settleSocket, takeDialled };
