'use strict';

/**
 * Members of Node's objects that Node does not document and we use, each with what is done where it is missing.
 */
const { EventEmitter } = require('events');
const { Socket } = require('net');

/** @typedef {import('../contracts').ByteStream} ByteStream */
/** @typedef {import('../contracts').StreamHandle} StreamHandle */

// ---- sockets and their handles

/**
 * Whether a stream is a socket of Node's with a handle, which emits 'close' before it is garbage-collected. In a runtime
 * whose sockets have no such handle, they are treated as streams of other kinds.
 *
 * @param {unknown} stream
 * @returns {boolean}
 */
function hasHandle(stream) {
  return stream instanceof Socket && Boolean(/** @type {any} */ (stream)._handle);
}

/**
 * Gives a socket its handle back, which Node has taken from it, while `callback` runs: it can be written to then.
 *
 * @param {any} socket
 * @param {StreamHandle} handle
 * @param {() => void} callback
 */
function withHandle(socket, handle, callback) {
  socket._handle = handle;
  callback();
  socket._handle = null;
}

const hasUnrefTimer = typeof /** @type {any} */ (Socket.prototype)._unrefTimer === 'function';

/**
 * Restarts the timer of a socket with a `timeout`. Without `_unrefTimer` the timeout is set again, which has the same effect
 * at more cost.
 *
 * @param {ByteStream} socket
 */
function refreshTimer(socket) {
  if (hasUnrefTimer) /** @type {Required<Pick<ByteStream, '_unrefTimer'>>} */ (socket)._unrefTimer();
  else socket.setTimeout?.(/** @type {number} */ (socket.timeout));
}

/**
 * The descriptor of a socket's handle; -1 without one, and on Windows.
 *
 * @param {ByteStream} socket
 * @returns {number}
 */
function descriptorOf({ _handle: handle }) {
  return handle && handle.fd >= 0 ? handle.fd : -1;
}

/**
 * The handle of a connected socket, if it has a descriptor and keeps the process alive; otherwise null, and the socket is
 * read through its stream.
 *
 * @param {ByteStream} socket
 * @returns {StreamHandle | null}
 */
function plainHandle(socket) {
  const { _handle: handle } = socket;
  return handle && descriptorOf(socket) >= 0 && typeof handle.hasRef === 'function' && handle.hasRef() ? handle : null;
}

/**
 * Stops a socket's stream reading. False where its handle refuses, and then the stream goes on. Node does not start a handle
 * again that has `reading`; where Node does not look at it, it calls `readStart` of the handle, which we replace.
 *
 * @param {StreamHandle} handle
 * @returns {boolean}
 */
function stopReading(handle) {
  if (handle.readStop() !== 0) return false;
  handle.reading = false;
  return true;
}

/**
 * Has a socket's stream read again.
 *
 * @param {StreamHandle} handle
 * @returns {number} 0, or libuv's number for why it cannot
 */
function startReading(handle) {
  handle.reading = true;
  return handle.readStart();
}

/**
 * The getter of a property that a handle inherits; undefined without one, and then the socket is read through its stream.
 *
 * @param {object} object
 * @param {string} name
 * @returns {(() => unknown) | undefined}
 */
function getterOf(object, name) {
  for (; object; object = Object.getPrototypeOf(object)) {
    const property = Object.getOwnPropertyDescriptor(object, name);
    if (property) return property.get;
  }
}

// ---- streams

/**
 * The list of streams that a stream is piped into, as the stream has it; null where it has none, and then a real pipe is
 * used.
 *
 * @param {ByteStream} stream
 * @returns {unknown[] | null}
 */
function pipesOf({ _readableState: state }) {
  return state && Array.isArray(state.pipes) ? state.pipes : null;
}

/**
 * Sets that list to `destination` alone, so that the stream seems to be piped into it.
 *
 * @param {ByteStream} stream
 * @param {object} destination
 */
function seemPiped(stream, destination) {
  /** @type {{ pipes: unknown[] }} */ (stream._readableState).pipes = [destination];
}

const { _write, _writeGeneric } = /** @type {any} */ (Socket.prototype);

/**
 * Whether a socket has Node's own methods for writing, which do not keep a chunk that the handle has written.
 *
 * @param {ByteStream} socket
 * @returns {boolean}
 */
function writesAsNode(socket) {
  return socket._write === _write && socket._writeGeneric === _writeGeneric;
}

// ---- emitters

const hasTable = '_events' in new EventEmitter();

/**
 * Whether an emitter may have listeners: false before the first one, for an emitter that was made without a table of them.
 * Always true where emitters have no such table.
 *
 * @param {EventEmitter} emitter
 * @returns {boolean}
 */
function hasListeners(emitter) {
  return !hasTable || /** @type {any} */ (emitter)._events !== undefined;
}

/**
 * A table of listeners, as an emitter makes it, but with V8's fast properties instead of a hash table.
 *
 * @this {any}
 * @param {(...args: any[]) => void} listener of 'error'
 */
function Listeners(listener) {
  this.error = listener;
}
Listeners.prototype = Object.create(null);

/**
 * Adds a listener of 'error' as the first listener of an emitter that was made without a table of them.
 *
 * @param {EventEmitter} emitter
 * @param {(...args: any[]) => void} listener
 */
function catchErrors(emitter, listener) {
  const own = /** @type {any} */ (emitter);
  if (!hasTable || own._events !== undefined || emitter.on !== EventEmitter.prototype.on) {
    emitter.on('error', listener);
    return;
  }
  // As `on` does, without the event 'newListener', which cannot have a listener yet.
  own._events = new Listeners(listener);
  own._eventsCount = 1;
}

const { emit } = EventEmitter.prototype;

/**
 * The table of listeners of an emitter, by event, from which can be told whether there are any; null without a table or
 * where `emit` was replaced, and then `emit` has to be called.
 *
 * @param {EventEmitter} emitter
 * @returns {{ [event: string]: unknown } | null}
 */
function listenersOf(emitter) {
  return emitter.emit === emit && /** @type {any} */ (emitter)._events || null;
}

// ---- Buffers

const hasSlices = ['latin1Slice', 'utf8Slice', 'latin1Write', 'utf8Write'].every(
  (name) => typeof /** @type {any} */ (Buffer.prototype)[name] === 'function');

/**
 * As `toString('latin1')`, by the faster method that it calls, where there is that. So the functions below, for `toString`
 * and `write`.
 *
 * @param {Buffer} bytes
 * @param {number} start
 * @param {number} end
 * @returns {string}
 */
function latin1Of(bytes, start, end) {
  return hasSlices ? bytes.latin1Slice(start, end) : bytes.toString('latin1', start, end);
}

/**
 * @param {Buffer} bytes
 * @param {number} start
 * @param {number} end
 * @returns {string}
 */
function utf8Of(bytes, start, end) {
  return hasSlices ? bytes.utf8Slice(start, end) : bytes.toString('utf8', start, end);
}

/**
 * @param {Buffer} bytes
 * @param {string} text
 * @param {number} at
 * @returns {number} bytes written
 */
function writeLatin1(bytes, text, at) {
  return hasSlices ? bytes.latin1Write(text, at) : bytes.write(text, at, 'latin1');
}

/**
 * @param {Buffer} bytes
 * @param {string} text
 * @param {number} at
 * @returns {number} bytes written
 */
function writeUtf8(bytes, text, at) {
  return hasSlices ? bytes.utf8Write(text, at) : bytes.write(text, at, 'utf8');
}

// ---- requests

/**
 * The symbol under which Node keeps the object of headers, which it makes at the first read of `headers`.
 *
 * @type {any}
 */
let kHeaders;

/**
 * Whether the next read of a request's `headers` makes that object, which setting `headers` to null would drop. False where
 * Node has no such symbol: the object is kept then.
 *
 * @param {import('http').IncomingMessage} request
 * @returns {boolean}
 */
function makesHeaders(request) {
  if (kHeaders === undefined) {
    kHeaders = Object.getOwnPropertySymbols(request).find(({ description }) => description === 'kHeaders') || null;
  }
  return kHeaders !== null && /** @type {any} */ (request)[kHeaders] === null;
}

module.exports = {
  hasHandle, withHandle, refreshTimer, descriptorOf, plainHandle, stopReading, startReading, getterOf, pipesOf, seemPiped, writesAsNode,
  hasListeners, catchErrors, listenersOf, latin1Of, utf8Of, writeLatin1, writeUtf8, makesHeaders,
};
