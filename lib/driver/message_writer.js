'use strict';

/** @import { Owner } from '../contracts' */

const { Writable } = require('stream');
const { TextDecoder } = require('util');

const { CloseCode } = require('./close_code');
const { Opcode } = require('./session');

const EMPTY = Buffer.alloc(0);

/**
 * A stream for a message: each chunk is sent as a fragment (RFC 6455 section 5.4). Its writer waits while the socket is over
 * its high-water mark.
 */
class MessageWriter extends Writable {
  /**
   * @param {MessageWriters} writers
   * @param {boolean} isBinary
   */
  constructor(writers, isBinary) {
    // The bytes of a text are not decoded chunk by chunk: a character may be divided between two.
    super({ decodeStrings: isBinary });
    this._writers = writers;
    this._opcode = isBinary ? Opcode.binary : Opcode.text;
    /** Checks that the bytes of a text are UTF-8. */
    this._decoder = isBinary ? null : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    /** The first surrogate of a character that the next chunk of a text completes. */
    this._half = '';
    /** A chunk that waits for the messages before. */
    this.waiting = /** @type {[bytes: Uint8Array, isLast: boolean, callback: (error?: Error | null) => void] | null} */ (null);
  }

  /**
   * @param {any} chunk
   * @param {BufferEncoding} encoding
   * @param {(error?: Error | null) => void} callback
   */
  _write(chunk, encoding, callback) {
    if (typeof chunk === 'string' && encoding !== 'utf8') chunk = Buffer.from(chunk, encoding);
    this._send(chunk, false, callback);
  }

  /** @param {(error?: Error | null) => void} callback */
  _final(callback) {
    this._send(EMPTY, true, callback);
  }

  /**
   * @param {string | Uint8Array} chunk
   * @param {boolean} isLast
   * @param {(error?: Error | null) => void} callback
   */
  _send(chunk, isLast, callback) {
    const bytes = this._bytes(chunk);
    try {
      if (this._decoder !== null) this._decoder.decode(bytes, { stream: !isLast });
    } catch {
      return callback(new TypeError('The bytes of a text must be UTF-8'));
    }
    this._writers.send(this, bytes, isLast, callback);
  }

  /**
   * The bytes of a chunk, behind the first surrogate that the chunk before may have ended with.
   *
   * @param {string | Uint8Array} chunk
   * @returns {Uint8Array}
   */
  _bytes(chunk) {
    const half = this._half;
    this._half = '';
    if (typeof chunk !== 'string') return half === '' ? chunk : Buffer.concat([Buffer.from(half), chunk]);
    const text = half + chunk;
    if (!/[\ud800-\udbff]$/.test(text)) return Buffer.from(text);
    this._half = text.slice(-1);
    return Buffer.from(text.slice(0, -1));
  }

  /**
   * @param {Error | null} error
   * @param {(error?: Error | null) => void} callback
   */
  _destroy(error, callback) {
    this._writers.leave(this);
    // As for Node's streams of HTTP: without a listener of 'error', the error is not thrown.
    callback(this.listenerCount('error') > 0 ? error : null);
  }
}

/**
 * The streams of messages that a connection sends, one after the other, and the messages that wait for the end of a stream:
 * RFC 6455 section 5.4, "The fragments of one message MUST NOT be interleaved between the fragments of another message".
 */
class MessageWriters {
  /** @param {import('./hybi')} driver an open one */
  constructor(driver) {
    this._driver = driver;
    /** @type {MessageWriter | null} */
    this._current = null;
    this._hasBegun = false;
    /** Whether messages that were sent before the current writer's are still being compressed. */
    this._awaitsCompression = false;
    /** @type {((error?: Error | null) => void) | null} the callback of the writer that waits for the socket to drain */
    this._blocked = null;
    /** @type {(MessageWriter | [opcode: number, payload: Buffer] | (() => void))[]} */
    this._queue = [];
    /** Bytes of messages in the queue. */
    this.waiting = 0;
  }

  /**
   * @param {boolean} isBinary
   * @returns {MessageWriter}
   */
  create(isBinary) {
    const writer = new MessageWriter(this, isBinary);
    this._queue.push(writer);
    if (this._current === null) this._next();
    return writer;
  }

  /**
   * Queues a message behind the streams.
   *
   * @param {number} opcode 1 or 2
   * @param {string | Uint8Array} data
   */
  queue(opcode, data) {
    // A copy, as the caller may overwrite its buffer at once.
    const payload = Buffer.from(/** @type {any} */ (data));
    this.waiting += payload.length;
    this._queue.push([opcode, payload]);
  }

  /**
   * Calls `then` when the streams and messages of before have been framed.
   *
   * @param {() => void} then
   */
  after(then) {
    this._queue.push(then);
  }

  /**
   * Sends a fragment; or keeps it, while it is not the writer's turn.
   *
   * @param {MessageWriter} writer
   * @param {Uint8Array} bytes
   * @param {boolean} isLast
   * @param {(error?: Error | null) => void} callback
   */
  send(writer, bytes, isLast, callback) {
    if (writer !== this._current || this._awaitsCompression) {
      writer.waiting = [bytes, isLast, callback];
      return;
    }
    const output = this._driver._output;
    output.writeFragment(this._hasBegun ? Opcode.continuation : writer._opcode, isLast, bytes);
    this._hasBegun = true;
    if (isLast) this._end();
    if (!isLast && output.isCongested) this._blocked = callback;
    else callback();
  }

  /** The socket has drained. */
  drained() {
    const callback = this._blocked;
    this._blocked = null;
    if (callback !== null) callback();
  }

  /**
   * A writer was destroyed, or has ended.
   *
   * @param {MessageWriter} writer
   */
  leave(writer) {
    const index = this._queue.indexOf(writer);
    if (index >= 0) this._queue.splice(index, 1);
    if (writer !== this._current) return;
    this._blocked = null;
    // A message of which fragments were sent ends early with the connection only: RFC 6455 has no other way.
    if (this._hasBegun && this._driver.readyState === 1) {
      /** @type {Owner} */ (this._driver._owner)._leave(CloseCode.unexpected_condition, 'A message was given up');
    } else {
      this._end();
    }
  }

  /** The connection closes: destroys all writers. */
  close() {
    const writers = [this._current, ...this._queue];
    this._current = null;
    this._queue = [];
    this.waiting = 0;
    for (const writer of writers) {
      if (writer instanceof MessageWriter) writer.destroy(new Error('The WebSocket closed before the message was complete'));
    }
  }

  _end() {
    this._current = null;
    this._hasBegun = false;
    this._next();
  }

  /**
   * It is the writer's turn.
   *
   * @param {MessageWriter} writer
   */
  _begin(writer) {
    const { waiting } = writer;
    writer.waiting = null;
    if (waiting !== null) this.send(writer, ...waiting);
  }

  /** Sends the messages that wait, until it is a writer's turn. */
  _next() {
    const driver = this._driver;
    for (let entry = this._queue.shift(); entry !== undefined; entry = this._queue.shift()) {
      if (entry instanceof MessageWriter) {
        this._current = entry;
        const compression = driver._compression;
        if (compression === null || !compression.delays(0)) return this._begin(entry);
        this._awaitsCompression = true;
        compression.close(() => {
          this._awaitsCompression = false;
          if (this._current === entry) this._begin(entry);
        });
        return;
      }
      driver._writers = null;
      if (typeof entry === 'function') {
        driver._afterQueued(entry);
      } else {
        const [opcode, payload] = entry;
        this.waiting -= payload.length;
        driver.frame(opcode === Opcode.text ? payload.toString() : payload);
      }
      driver._writers = this;
    }
    driver._writers = null;
  }
}

module.exports = MessageWriters;
