'use strict';

/** @import { WebSocketFields } from '../../contracts' */

const { Blob } = require('buffer');
const { Readable, pipeline } = require('stream');

const { OPEN } = require('./ready_state');
const { CloseCode } = require('../../driver/close_code');

/** Values of `binaryType`: as what a listener of 'message' gets a binary message. */
const TYPES = ['nodebuffer', 'arraybuffer', 'blob'];

/**
 * Has a WebSocket treat binary data as browsers do, see `binaryType` in ../../../index.d.ts.
 *
 * @param {WebSocketFields} socket
 * @param {unknown} type
 * @throws {TypeError} for anything that is not one of `TYPES`
 */
function setBinaryType(socket, type) {
  checkBinaryType(type);
  Object.defineProperty(socket, '_binaryType', { value: type, writable: true, configurable: true });
}

/**
 * @param {unknown} type
 * @throws {TypeError} for anything that is not one of `TYPES`
 */
function checkBinaryType(type) {
  if (typeof type !== 'string' || !TYPES.includes(type)) throw new TypeError(`binaryType must be one of ${TYPES.join(', ')}`);
}

/** The property: without the option of that name it is any property, which means nothing, as in the original. */
const accessor = {
  /** @this {WebSocketFields} */
  get() {
    return this._binaryType;
  },
  /**
   * @this {WebSocketFields}
   * @param {unknown} value
   */
  set(value) {
    if (this._binaryType !== undefined) setBinaryType(this, value);
    else Object.defineProperty(this, 'binaryType', { value, writable: true, enumerable: true, configurable: true });
  },
  configurable: true,
};

/**
 * A binary message as a listener gets it.
 *
 * @param {Buffer} data
 * @param {string} type
 * @returns {Buffer | ArrayBufferLike | Blob}
 */
function inForm(data, type) {
  if (type === 'arraybuffer') {
    const { buffer, byteOffset, length } = data;
    return byteOffset === 0 && length === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + length);
  }
  return type === 'blob' ? new Blob([data]) : data;
}

/**
 * What is sent for a value that is neither text nor a Buffer: the bytes of an ArrayBuffer or of a view, a Blob as it is, and
 * the text of anything else.
 *
 * @param {any} data
 * @returns {string | Buffer | Blob} of the same memory
 */
function messageOf(data) {
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer || typeof SharedArrayBuffer === 'function' && data instanceof SharedArrayBuffer) return Buffer.from(data);
  return data instanceof Blob ? data : String(data);
}

/**
 * Sends a message. The bytes of a Blob are sent as fragments of one message while they are read; messages that are sent
 * meanwhile wait for its end.
 *
 * @param {WebSocketFields} socket
 * @param {string | Buffer | Blob} message
 * @returns {boolean} as `send`
 * @throws {Error} for a Blob, where `socket.stream()` does
 */
function sendMessage(socket, message) {
  const { _driver: driver } = socket;
  if (!(message instanceof Blob)) return driver._send(message);
  if (driver._backpressure !== null && driver._backpressure.refuses(driver)) return false;
  const bytes = Readable.fromWeb(/** @type {any} */ (message.stream()));
  // Added before the pipeline's own listener, which ends the message and so sends those that wait.
  bytes.on('error', () => {
    if (socket.readyState === OPEN) socket._leave(CloseCode.unexpected_condition, 'A Blob could not be read');
  });
  pipeline(bytes, socket.stream(), () => {});
  return !driver._output.isCongested;
}

module.exports = { checkBinaryType, setBinaryType, accessor, inForm, messageOf, sendMessage };
