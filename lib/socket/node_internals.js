'use strict';

/**
 * What we rely on of Node's sockets that Node does not document, each with what happens where it is
 * missing.
 */
const { EventEmitter } = require('events');
const { Socket } = require('net');

/** @typedef {import('../contracts').ByteStream} ByteStream */
/** @typedef {import('../contracts').StreamHandle} StreamHandle */

// ---- sockets and their handles

/**
 * Whether a stream is a socket of Node's with a handle: it emits 'close' before it is forgotten. Where Node has no
 * such handle, its sockets are as other streams to us.
 *
 * @param {unknown} stream
 * @returns {boolean}
 */
function hasHandle(stream) {
  return stream instanceof Socket && Boolean(/** @type {any} */ (stream)._handle);
}

/**
 * Runs `callback` while a socket that Node has taken its handle from has it again, and can be written to.
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
 * Starts the time anew after which a socket is idle; only for one with a `timeout`. Without `_unrefTimer`
 * the timeout is set again, which does the same at more cost.
 *
 * @param {ByteStream & { timeout: number }} socket
 */
function refreshTimer(socket) {
  if (hasUnrefTimer) /** @type {Required<Pick<ByteStream, '_unrefTimer'>>} */ (socket)._unrefTimer();
  else socket.setTimeout(socket.timeout);
}

/**
 * The descriptor of a socket's handle; below 0 where there is none, and on Windows.
 *
 * @param {ByteStream} socket
 * @returns {number}
 */
function descriptorOf({ _handle: handle }) {
  return handle && handle.fd >= 0 ? handle.fd : -1;
}

/**
 * The handle by which Node reads and writes a connected socket, if it has a descriptor and keeps the
 * process alive; otherwise null, and the socket is read through its stream.
 *
 * @param {ByteStream} socket
 * @returns {StreamHandle | null}
 */
function plainHandle(socket) {
  const { _handle: handle } = socket;
  return handle && descriptorOf(socket) >= 0 && typeof handle.hasRef === 'function' && handle.hasRef() ? handle : null;
}

/**
 * Has a socket's stream read no more. False where its handle refuses, and then it goes on reading. The
 * stream asks `reading` before it starts its handle again; a Node without it asks the handle, whose
 * `readStart` we replace.
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
 * The getter of a property that a handle inherits; undefined where it has none, and then its socket is
 * read through its stream.
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
 * The streams that a stream is piped into, as its own list; null where a stream has no such list, and
 * then a real pipe is used.
 *
 * @param {ByteStream} stream
 * @returns {unknown[] | null}
 */
function pipesOf({ _readableState: state }) {
  return state && Array.isArray(state.pipes) ? state.pipes : null;
}

/**
 * Has a stream that has such a list seem to be piped into `destination` alone.
 *
 * @param {ByteStream} stream
 * @param {object} destination
 */
function seemPiped(stream, destination) {
  /** @type {{ pipes: unknown[] }} */ (stream._readableState).pipes = [destination];
}

const { _write, _writeGeneric } = /** @type {any} */ (Socket.prototype);

/**
 * Whether a socket's stream hands a chunk to its handle as Node's does: it does not keep what was written.
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
 * Whether anybody may listen to an emitter: false before the first listener of one that was made without
 * a table of them. Where emitters have no such table, always.
 *
 * @param {EventEmitter} emitter
 * @returns {boolean}
 */
function hasListeners(emitter) {
  return !hasTable || /** @type {any} */ (emitter)._events !== undefined;
}

/**
 * A table of listeners as an emitter makes it, but without a hash table before it needs one.
 *
 * @this {any}
 * @param {(...args: any[]) => void} listener of 'error'
 */
function Listeners(listener) {
  this.error = listener;
}
Listeners.prototype = Object.create(null);

/**
 * Adds a listener of 'error', the first of an emitter that was made without a table of listeners.
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
  // As `on` would, but for the event 'newListener', of which nobody can be listening.
  own._events = new Listeners(listener);
  own._eventsCount = 1;
}

const { emit } = EventEmitter.prototype;

/**
 * The listeners of an emitter by event, to look whether there are any; null where that cannot be told from them,
 * and `emit` has to be called.
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
 * What `toString` comes down to, and is called where it is missing; so the functions below, and `write`.
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
 * Where Node keeps the object that it makes of the raw headers for the first who reads `headers`.
 *
 * @type {any}
 */
let kHeaders;

/**
 * Whether reading `headers` of a request makes an object that setting `headers` to null would have Node
 * forget. False where Node does not keep it that way, and then it stays.
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
