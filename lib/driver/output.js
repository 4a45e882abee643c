'use strict';

const { putAndForget } = require('./coupling');
const { LazyEmitter } = require('./emitter');
const { HEADER_ROOM, take, keep, bytesIn, textIn } = require('./output_memory');
const { native } = require('./session');
const { queueText, queueBytes, frameQueued } = require('./send_queue');
const { sequence } = require('../sequence');
const { flushAtEndOfTurn, running } = require('../turn');

/** Bytes of output that are not held back until the turn ends, so that `send` can tell the truth. */
const FLUSH_BYTES = 65536;

/** Shorter messages are copied, to be written with others. */
const PAST_BYTES = 32768;

/** Longer texts are encoded where they are framed, unless they go past the socket's stream. */
const MAX_STAGED_CHARS = 4096;

/** For less, Node's pool of memory is as good as memory that is used again. */
const POOLED_BYTES = 256;

const EMPTY = Buffer.alloc(0);

/**
 * What a driver says, on its way from messages to the socket. Short messages are queued, and the
 * session frames them when it is next called; long ones are framed in memory of their own. Of both,
 * what is said in one turn leaves in one write when the turn ends.
 *
 * `_pending` counts the bytes for the peer that the session holds, exactly or not (`_isExact`).
 */
class Output extends /** @type {new () => import('../contracts').DriverFields} */ (LazyEmitter) {
  /**
   * Writes one frame; `opcode` carries reserved bits above its low four bits.
   *
   * @param {number} opcode
   * @param {Buffer} payload
   */
  _write(opcode, payload) {
    const length = queueBytes(this._id, opcode, payload);
    if (length >= 0) this._staged(length);
    else if (opcode >= 8) this._wrote(native.send(this._id, opcode, payload));
    else this._writeLong(opcode, payload, null);
  }

  /**
   * As `_write`, for a text.
   *
   * @param {number} opcode
   * @param {string} text
   */
  _writeText(opcode, text) {
    if (this._direct !== null || text.length <= MAX_STAGED_CHARS) {
      const length = queueText(this._id, opcode, text);
      if (length >= 0) return this._staged(length);
    }
    const memory = textIn(text);
    this._writeLong(opcode, memory.subarray(HEADER_ROOM), memory);
  }

  /**
   * Writes a message that is not queued; `memory` is the payload's with room for a header, if it is ours.
   *
   * @param {number} opcode
   * @param {Buffer} payload
   * @param {Buffer | null} memory
   */
  _writeLong(opcode, payload, memory) {
    const direct = this._direct;
    if (direct !== null && this._frames === null && direct.writable) {
      if (payload.length >= PAST_BYTES || this._claimFirstAnswer()) return this._writePast(opcode, payload, memory);
    } else if (this._sharesFrames) {
      this._gather(opcode, memory || bytesIn(payload));
      return;
    }
    this._wrote(native.send(this._id, opcode, payload));
    if (memory !== null) keep(memory);
  }

  /**
   * Whether this is the first that is said to the only message of a chunk: others seldom follow.
   *
   * @returns {boolean}
   */
  _claimFirstAnswer() {
    const isFirst = this._depth === 1 && this._batch === null && this._pending === 0 && !this._hasAnswered;
    if (isFirst) this._hasAnswered = true;
    return isFirst;
  }

  /**
   * Writes a message past the socket's stream, which gets what the kernel does not take.
   *
   * @param {number} opcode
   * @param {Buffer} payload
   * @param {Buffer | null} memory
   */
  _writePast(opcode, payload, memory) {
    const left = this._direct.send(opcode, payload);
    const held = left === 0 ? 0 : frameQueued(this._id);
    this._handOver(held);
    if (left > held) {
      const rest = payload.subarray(payload.length - (left - held));
      if (memory !== null && rest.length * 2 > payload.length) {
        this.io._put(rest);
        return;
      }
      // A copy: the caller may overwrite its buffer at once, as we will overwrite ours.
      this.io._put(Buffer.from(rest));
    }
    if (memory !== null) keep(memory);
  }

  /**
   * Makes a frame of a message where it lies, to be written when the turn ends, uncopied.
   *
   * @param {number} opcode
   * @param {Buffer} memory
   */
  _gather(opcode, memory) {
    this._gatherOutput();
    const start = native.frameAround(this._id, opcode, memory);
    if (start < 0) {
      this._wrote(native.send(this._id, opcode, memory.subarray(HEADER_ROOM)));
      return;
    }
    const frame = memory.subarray(start);
    this._only = this._frames === null ? frame : null;
    (this._frames ||= []).push(frame);
    this._framed += frame.length;
    this._wrote(0);
  }

  /** What the session holds goes out before the frames that are gathered next. */
  _gatherOutput() {
    if (this._direct !== null) this._direct.clearDirty();
    const length = this._isExact ? this._pending : frameQueued(this._id);
    this._pending = 0;
    this._isExact = true;
    const bytes = length > 0 ? this._takeOutput(length) : EMPTY;
    if (bytes.length === 0) return;
    (this._frames ||= []).push(bytes);
    this._framed += bytes.length;
  }

  /**
   * Notes a message of `length` bytes that the session will frame when it is next called.
   *
   * @param {number} length
   */
  _staged(length) {
    // Nobody knows how long it will be when it has been compressed.
    if (this._compression !== null) this._isExact = false;
    this._wrote(this._pending + length + this._overhead(length));
  }

  /**
   * Bytes of a frame beside its payload: in the drafts before hybi one in front, and one behind.
   *
   * @param {number} length bytes of the payload
   * @returns {number}
   */
  _overhead(length) { // eslint-disable-line no-unused-vars
    return 2;
  }

  /**
   * Notes that the session holds `pending` bytes for the peer.
   *
   * @param {number} pending
   */
  _wrote(pending) {
    this._pending = pending;
    if (this._owner === null || pending + this._framed >= FLUSH_BYTES) this.flush();
    else if (!this._scheduled && (this._depth === 0 || running.isExiting)) {
      this._scheduled = true;
      flushAtEndOfTurn(this);
    }
  }

  /** Hands the session's output to the socket. */
  flush() {
    this._scheduled = false;
    const { _pending: pending, _direct: direct } = this;
    if (this._frames !== null) return this._putFrames();
    if (direct === null) {
      if (pending === 0) return;
    } else {
      if (pending === 0 && !direct.isDirty) return;
      if (direct.writable) return this._handOver(direct.write());
      direct.clearDirty();
    }
    this._handOver(this._isExact ? pending : frameQueued(this._id));
  }

  /** As `flush`, before the loop goes on: together with other connections, where that is cheaper. */
  flushTogether() {
    const { _pending: pending, _direct: direct } = this;
    if (direct === null || pending === 0 || this._frames !== null || !direct.writable) return this.flush();
    this._scheduled = false;
    this._pending = 0;
    this._isExact = false;
    direct.markDirty(pending);
  }

  /** Hands all that the session holds to the socket's stream. */
  handOverAll() {
    this._handOver(frameQueued(this._id));
  }

  /**
   * Hands the `length` bytes that the session holds to the socket's stream.
   *
   * @param {number} length
   */
  _handOver(length) {
    this._pending = 0;
    this._isExact = true;
    if (length === 0) return;
    const bytes = this._takeOutput(length);
    if (bytes.length < POOLED_BYTES) {
      if (bytes.length > 0) this.io._put(bytes);
    } else if (putAndForget(this.io, bytes)) keep(bytes);
  }

  /**
   * What the session holds, which should be `length` bytes.
   *
   * @param {number} length
   * @returns {Buffer}
   */
  _takeOutput(length) {
    for (;;) {
      const bytes = length < POOLED_BYTES ? Buffer.allocUnsafe(length) : take(length);
      const held = native.takeOutput(this._id, bytes);
      if (held === length) return bytes;
      length = held;
    }
  }

  /** Hands gathered frames and what the session holds to the socket's stream: in one write, unless it is long. */
  _putFrames() {
    this._gatherOutput();
    const { _frames: frames, _framed: bytes, _only: only, io } = this;
    this._frames = this._only = null;
    this._framed = 0;
    if (frames.length === 1 && only !== null) {
      if (putAndForget(io, only)) keep(only);
    } else if (bytes <= FLUSH_BYTES) {
      // Corked, the socket would seem congested, and then announce that it has drained.
      io._put(Buffer.concat(frames, bytes));
    } else {
      sequence(...frames.map((frame) => () => io._put(frame)));
    }
  }
}

module.exports = Output;
