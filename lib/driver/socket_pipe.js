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
 * Coupling a driver to its socket. The listeners are the same functions for all connections, and find their driver by a
 * property of the socket: closures for each would be a large part of an idle connection's memory.
 *
 * @type {any}
 */
const kDriver = Symbol('driver');

/**
 * Sets the driver of a stream; false when another connection was made with it before.
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
 * The driver of a stream.
 *
 * @param {any} stream
 * @returns {Driver | undefined} undefined for a stream that no connection was made with
 */
function driverOf(stream) {
  return stream[kDriver];
}

// ---- input and output

/**
 * Whether a stream has Node's own `pipe`, and is not piped into any stream.
 *
 * @param {ByteStream} stream
 * @returns {boolean}
 */
function isReadable(stream) {
  return stream.pipe === Readable.prototype.pipe && pipesOf(stream)?.length === 0;
}

/**
 * Has the same effect as `stream.pipe(driver.io)` and `driver.io.pipe(stream)`, with less memory. When the application
 * pauses, a real pipe takes its place. The owner of the driver listens to the stream's end and errors.
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
  // Other code has called `unpipe`.
  if (!pipesOf(this)?.includes(io)) this.removeListener('data', onData);
  else if (io.write(chunk) === false) pipe(this, io);
}

/** @this {any} */
function onDrain() {
  const { io } = this[kDriver];
  if (io._sink === this && io.readable) io.resume();
}

/**
 * Replaces `onData` by a real pipe, which begins paused, as if its destination had returned false.
 *
 * @param {ByteStream} stream
 * @param {IO} io
 */
function pipe(stream, io) {
  const pipes = pipesOf(stream);
  if (pipes === null) return;
  const index = pipes.indexOf(io);
  // A listener that has run the loop may have done so already, when more was delivered.
  if (index < 0 || !stream.listeners('data').includes(onData)) return;
  stream.removeListener('data', onData);
  pipes.splice(index, 1);
  io.writableNeedDrain = true;
  Readable.prototype.pipe.call(stream, /** @type {any} */ (io));
  io.writableNeedDrain = false;
}

/**
 * An exception of a listener was thrown through the stream's 'data' event. If the stream was delivering its buffer then, it
 * neither delivers the rest nor reads on: has it do so.
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
 * The stream has ended: so does the driver's input.
 *
 * @param {ByteStream} stream
 * @param {Driver} driver
 */
function ended(stream, { io }) {
  if (io._sink === stream && pipesOf(stream)?.includes(io)) io.end();
}

/**
 * Has the stream read to its end, and the bytes discarded.
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

// ---- what other code does to the stream

/** Wrappers of a stream's methods, which write output that waits before; by the methods that they wrap. */
const ordered = new WeakMap();

/**
 * Keeps output in order with what other code does to the socket: output may wait for the end of the turn, and is written
 * before that code writes to the socket, ends or destroys it.
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
 * The wrapper of a method, the same function for all sockets with this method.
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
 * Whether our wrapper is the only one of the `write` that all streams of its kind have.
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
 * Writes output of the driver itself, before which nothing has to be written.
 *
 * @param {ByteStream} sink
 * @param {Uint8Array} bytes
 * @returns {boolean} false when the stream is over its high-water mark
 */
function writeTo(sink, bytes) {
  return sink.write === orderedWrite ? write.call(sink, bytes) : sink.write(bytes);
}

/**
 * Writes bytes; returns whether they were written completely, and no code refers to them, so that their memory can be used
 * again.
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
  // TLS encrypts the bytes at once, or copies them.
  if (sink.encrypted) return Object.getPrototypeOf(sink) === require('tls').TLSSocket.prototype;
  return Object.getPrototypeOf(sink) === Socket.prototype && descriptorOf(sink) >= 0 && sink.writableLength === 0;
}

module.exports = { claim, driverOf, couple, discardInput, keepFlowing, ended, failed, keepOrder, hasPlainWrite, writeTo, putAndForget };
