'use strict';

/**
 * @import { ByteStream } from '../contracts'
 * @import Driver from './driver'
 * @import { IO } from './streams'
 */

const { Socket } = require('net');
const { Readable } = require('stream');

const { descriptorOf, hasListeners, pipesOf, seemPiped, writesAsNode } = require('../socket/node_internals');

/**
 * What ties a driver to its socket: listeners that all connections share, and that find their
 * connection by a property of the socket. Closures of its own for each would be a good part of an
 * idle connection.
 *
 * @type {any}
 */
const kDriver = Symbol('driver');

/**
 * Ties `stream` to `driver`; false when another connection was made of it before.
 *
 * @param {any} stream
 * @param {Driver} driver
 * @returns {boolean}
 */
function claim(stream, driver) {
  if (stream[kDriver] !== undefined) return false;
  Object.defineProperty(stream, kDriver, { value: driver, writable: true, configurable: true });
  return true;
}

/**
 * The driver that claimed the stream.
 *
 * @param {any} stream
 * @returns {any} a Driver of any version; undefined where none has
 */
function driverOf(stream) {
  return stream[kDriver];
}

// ---- what goes in and out

/**
 * Whether `stream` is what Node's own sockets are, as far as pipes go, and not piped anywhere.
 *
 * @param {ByteStream} stream
 * @returns {boolean}
 */
function isReadable(stream) {
  return stream.pipe === Readable.prototype.pipe && pipesOf(stream)?.length === 0;
}

/**
 * Does what `stream.pipe(driver.io)` and `driver.io.pipe(stream)` do, for as long as the application
 * never pauses: then a real pipe takes over. The stream's end and errors are its owner's to tell.
 *
 * @param {ByteStream} stream
 * @param {Driver} driver
 */
function couple(stream, driver) {
  const { io } = driver;
  if (driverOf(stream) !== driver || !isReadable(stream)) {
    stream.pipe(/** @type {any} */ (io));
    io.pipe(stream);
    return;
  }
  io._sink = stream;
  seemPiped(stream, io);
  stream.on('data', onData);
  stream.on('drain', onDrain);
  io.emit('pipe', stream);
  stream.emit('pipe', io);
  if (!stream.readableFlowing) stream.resume();
}

/**
 * @this {any}
 * @param {Buffer} chunk
 */
function onData(chunk) {
  const { io } = this[kDriver];
  // Somebody has called `unpipe`.
  if (!pipesOf(this)?.includes(io)) this.removeListener('data', onData);
  else if (io.write(chunk) === false) pipe(this, io);
}

/** @this {any} */
function onDrain() {
  const { io } = this[kDriver];
  if (io._sink === this && io.readable) io.resume();
}

/**
 * Puts a real pipe in place of `onData`; it starts as one whose destination asked it to wait.
 *
 * @param {ByteStream} stream
 * @param {IO} io
 */
function pipe(stream, io) {
  const pipes = pipesOf(stream);
  if (pipes === null) return;
  const index = pipes.indexOf(io);
  // A listener that ran the loop may have had more delivered, which then has put it there.
  if (index < 0 || !stream.listeners('data').includes(onData)) return;
  stream.removeListener('data', onData);
  pipes.splice(index, 1);
  io.writableNeedDrain = true;
  Readable.prototype.pipe.call(stream, /** @type {any} */ (io));
  io.writableNeedDrain = false;
}

/**
 * A listener has thrown out of the stream's 'data' event. Node's streams then deliver nothing more of what they
 * hold, and do not read on, if it was while they were delivering that.
 *
 * @param {ByteStream} stream
 * @param {IO} io
 */
function keepFlowing(stream, io) {
  if (!pipesOf(stream)?.includes(io)) return;
  process.nextTick(() => {
    while (stream.readableFlowing && !stream.destroyed && stream.read() !== null);
    if (stream.readableFlowing) stream.read(0);
  });
}

/**
 * The stream has ended.
 *
 * @param {ByteStream} stream
 * @param {Driver} driver
 */
function ended(stream, { io }) {
  if (io._sink === stream && pipesOf(stream)?.includes(io)) io.end();
}

/**
 * Has the stream read to its end, with nobody taking what it reads.
 *
 * @param {ByteStream} stream
 * @param {Driver} driver
 */
function discardInput(stream, { io }) {
  stream.unpipe(/** @type {any} */ (io));
  stream.removeListener('data', onData);
  stream.resume();
}

/**
 * The stream has failed: nothing more is written to it.
 *
 * @param {ByteStream} stream
 * @param {Driver} driver
 */
function failed(stream, { io }) {
  if (io._sink === stream) io._sink = null;
}

// ---- what others do to the stream

/** Output that waits goes out before: the functions that see to it, by those they stand before. */
const ordered = new WeakMap();

/**
 * Output waits for the end of the turn, unknown to whoever holds the socket: when they write to it,
 * end it or destroy it in that turn, what was sent before goes out before.
 *
 * @param {any} stream
 * @param {Driver} driver
 */
function keepOrder(stream, driver) {
  for (const name of ['write', 'end', 'destroy']) {
    const value = stream[kDriver] === driver ? shared(stream[name]) : flushThen(stream[name], () => driver);
    Object.defineProperty(stream, name, { value, writable: true, configurable: true, enumerable: false });
  }
}

/**
 * The one function that stands before `original` on all sockets that have it.
 *
 * @param {Function} original
 * @returns {Function}
 */
function shared(original) {
  let value = ordered.get(original);
  if (value === undefined) {
    value = flushThen(original, driverOf);
    ordered.set(original, value);
  }
  return value;
}

/**
 * @param {Function} original
 * @param {(stream: object) => Driver | undefined} find
 * @returns {Function}
 */
function flushThen(original, find) {
  return /** @this {any} */ function (/** @type {unknown[]} */ ...args) {
    const driver = find(this);
    if (driver !== undefined) driver.flush();
    return original.apply(this, args);
  };
}

/**
 * Whether nobody but us stands before the `write` that all streams of its kind have.
 *
 * @param {ByteStream} stream
 * @returns {boolean}
 */
function hasPlainWrite(stream) {
  return stream.write === ordered.get(Object.getPrototypeOf(stream).write);
}

const { write } = /** @type {any} */ (Socket.prototype);
const orderedWrite = shared(write);

/**
 * Writes what the driver says: nothing of it waits any more that would have to go out before.
 *
 * @param {ByteStream} sink
 * @param {Uint8Array} bytes
 * @returns {boolean} false when the stream has more to write than it wants
 */
function writeTo(sink, bytes) {
  return sink.write === orderedWrite ? write.call(sink, bytes) : sink.write(bytes);
}

/**
 * Puts bytes; returns whether nobody refers to them any more, so that their memory can be used again.
 *
 * @param {IO} io
 * @param {Uint8Array} bytes
 * @returns {boolean}
 */
function putAndForget(io, bytes) {
  const sink = io._sink;
  const isIdle = sink !== null && sink.writableLength === 0 && sink.writableCorked === 0 && !sink.connecting;
  io._put(bytes);
  if (!isIdle || hasListeners(io) || sink.destroyed) return false;
  if (sink.write !== orderedWrite || !writesAsNode(sink)) return false;
  // What TLS does not encrypt at once it copies.
  if (sink.encrypted) return Object.getPrototypeOf(sink) === require('tls').TLSSocket.prototype;
  return Object.getPrototypeOf(sink) === Socket.prototype && descriptorOf(sink) >= 0 && sink.writableLength === 0;
}

module.exports = { claim, driverOf, couple, discardInput, keepFlowing, ended, failed, keepOrder, hasPlainWrite, writeTo, putAndForget };
