'use strict';

/**
 * Taking sockets over from their streams: what is certain to make no difference to whoever holds them.
 *
 * A server's socket keeps its place and its life cycle: its handle only stops reading, what the kernel
 * does not take at once is written through it, and an end or an error is left to it to find. Of a
 * dialled socket the driver is the only one that reads.
 *
 * @import { StreamHandle } from '../contracts'
 */
const { Socket } = require('net');

const { hasPlainWrite } = require('../driver/socket_pipe');
const { native } = require('../driver/session');
const DirectSocket = require('./direct');
const { systemError } = require('./errors');
const { attach, connections, FAILED } = require('./event_loop');
const { plainHandle, stopReading, startReading, getterOf } = require('./node_internals');

const kDirect = Symbol('direct');

/** Methods that a stream calls of itself: one of its own stands for a difference that we would not make. */
const OVERRIDABLE = ['read', 'push', 'emit', '_read', '_write'];

/**
 * Whether a stream is as one that only its pipe reads, with nothing on its way.
 *
 * @param {any} socket
 * @returns {boolean}
 */
function isPlain(socket) {
  return !socket.destroyed && socket.readable && socket.writable &&
    socket.readableFlowing === true && socket.readableLength === 0 && socket.readableEncoding === null &&
    socket.writableLength === 0 && socket.writableCorked === 0 &&
    socket.listenerCount('data') === 1 && socket.listenerCount('readable') === 0 &&
    hasPlainWrite(socket) && !OVERRIDABLE.some((name) => Object.hasOwn(socket, name));
}

/**
 * Whether the driver reads, and has delivered all that it was given.
 *
 * @param {import('../driver/driver')} driver
 * @returns {boolean}
 */
function isCurrent({ readyState, io, _handshake: handshake, _input: input }) {
  return readyState <= 1 && !io._paused && (handshake === null || !handshake.holdsInput) && !input.isBehind;
}

// ---- sockets of Node's http server

/** @type {import('./direct').Side} */
const nodeSide = {
  watched: ['newListener'],

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
    // Destroyed in this turn of the loop.
    if (socket.destroyed) {
      direct.release();
      return;
    }
    direct.returnToStream();
    // Reading has consumed the error; Node would find nothing but the end of the stream.
    if (length < 0 && length !== FAILED) socket.destroy(systemError(length, 'read'));
  },
};

const disguises = new Map();

/**
 * A prototype between a handle and its own: it counts our bytes, keeps the stream from reading
 * beside us, and lets go of the descriptor before it is closed. Null where a handle is not as we know
 * it.
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
 * Reads and writes a server's socket past its stream from now on, if that is certain to make no
 * difference. It must be coupled to the driver, which has its handle.
 *
 * @param {import('../driver/driver')} driver
 * @param {import('../contracts').ByteStream} socket
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

// ---- dialled sockets

/** @type {import('./direct').Side} */
const dialledSide = {
  watched: ['newListener', 'removeListener'],

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
 * Has chunks reach the stream, unparsed.
 *
 * @param {any} socket
 */
function returnSession(socket) {
  socket._direct = null;
  connections[socket._number] = socket;
  native.servedSession(socket._number, -1);
}

/**
 * Reads and writes for `driver` past the stream of a dialled socket from now on, if that is certain to
 * make no difference. The two must be piped into each other.
 *
 * @param {import('../driver/driver')} driver
 * @param {any} socket a DialledSocket; others are left alone
 */
function takeDialled(driver, socket) {
  if (!dialledSide.isFree(driver, socket)) return;
  const direct = new DirectSocket(driver, socket, dialledSide);
  dialledSide.stopStream(direct);
  direct.begin(socket._number);
  native.servedRead(socket._number, true);
}

module.exports = { takeSocket, takeDialled };
