'use strict';

/**
 * @import { DirectSocket } from '../contracts'
 * @import Driver from './driver'
 */

const { putAndForget } = require('./socket_pipe');
const { HEADER_ROOM, take, keep, bytesIn, textIn } = require('./output_memory');
const { native, Opcode } = require('./session');
const { queueText, queueBytes, frameQueued } = require('./send_queue');
const { sequence } = require('../sequence');
const { flushAtEndOfTurn, running } = require('../flush_scheduler');

/** Bytes of output from which on it is written before the turn ends, so that `send` can return false for a full socket. */
const FLUSH_BYTES = 65536;

/** Shorter messages are copied, so that they are written together with others. */
const PAST_BYTES = 32768;

/** Longer texts are encoded in the memory of their frame, unless they are written past the socket's stream. */
const MAX_QUEUED_CHARS = 4096;

/** For fewer bytes, Node's pool costs no more than to keep memory and use it again. */
const POOLED_BYTES = 256;

/** Most replies to pings that wait for a congested socket; of further ones only the newest is kept. */
const MAX_UNSENT_PONGS = 60;

const EMPTY = Buffer.alloc(0);

/**
 * The output of a driver, from messages to the socket. Short messages are put into the send queue, and the next native call
 * frames them; long ones are framed in memory of their own. All messages of one turn are written in one write at its end.
 *
 * Of its driver it reads `_id`, `_owner`, `readyState`, what writes the socket (`io`, `_direct`), `_input.batch`, and how
 * messages are framed (`_overhead`, `_sharesFrames`).
 */
class Output {
  /** @param {Driver} driver */
  constructor(driver) {
    this._driver = driver;
    /** The number of nested callers that hold output back until they return. */
    this.holders = 0;
    /** Whether `flushTogether` will be called at the end of the turn. */
    this._isScheduled = false;
    /** Bytes for the peer in the session; an estimate unless `_isExact`. */
    this._pending = 0;
    this._isExact = true;

    // Declared, not set: these begin on the prototype.
    /** @type {boolean} whether the socket is over its high-water mark */
    this.isCongested;
    /** @type {Buffer[] | null} frames of long messages that wait for the end of the turn */
    this._frames;
    /** @type {number} the length of these frames together */
    this._framed;
    /** @type {Buffer | null} the only one of them, if no other output is written before it */
    this._only;
    /** @type {number} replies to pings that wait for a congested socket */
    this._unsentPongs;
    /** @type {Buffer | null} the payload of the newest ping that waits for an answer */
    this._lastPong;
  }

  /**
   * Listeners begin to run: their output is written when they return, or when they end the process or run the event loop.
   *
   * @returns {Output | null} the argument of `letGo`
   */
  hold() {
    const outer = running.output;
    running.output = this;
    this.holders++;
    return outer;
  }

  /**
   * The listeners have returned; the caller has to flush.
   *
   * @param {Output | null} outer
   * @returns {boolean} whether no other caller holds output back
   */
  letGo(outer) {
    running.output = outer;
    if (this._hasAnswered) this._hasAnswered = false;
    return --this.holders === 0;
  }

  /**
   * Bytes for the peer that neither the socket's stream nor the system has got, as far as they are known.
   *
   * @returns {number}
   */
  get unsent() {
    const { _direct: direct } = this._driver;
    return this._pending + this._framed + (direct === null ? 0 : direct.dirtyBytes);
  }

  /**
   * Notes that the session has exactly `pending` bytes for the peer.
   *
   * @param {number} pending
   */
  holds(pending) {
    this._pending = pending;
    this._isExact = true;
  }

  // ---- messages

  /**
   * Writes one frame; `opcode` carries reserved bits above its low four bits.
   *
   * @param {number} opcode
   * @param {Buffer} payload
   */
  write(opcode, payload) {
    const { _id: id } = this._driver;
    const length = queueBytes(id, opcode, payload);
    if (length >= 0) this.queued(length);
    else if (opcode >= 8) this.wrote(native.send(id, opcode, payload));
    else this._writeLong(opcode, payload, null);
  }

  /**
   * Writes one fragment of a message.
   *
   * @param {number} opcode 0 for all but the first
   * @param {boolean} isLast
   * @param {Uint8Array} payload
   */
  writeFragment(opcode, isLast, payload) {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
    this.wrote(native.sendFragment(this._driver._id, opcode, isLast, bytes));
  }

  /**
   * As `write`, for a text.
   *
   * @param {number} opcode
   * @param {string} text
   */
  writeText(opcode, text) {
    const { _id: id, _direct: direct } = this._driver;
    if (direct !== null || text.length <= MAX_QUEUED_CHARS) {
      const length = queueText(id, opcode, text);
      if (length >= 0) return this.queued(length);
    }
    const memory = textIn(text);
    this._writeLong(opcode, memory.subarray(HEADER_ROOM), memory);
  }

  /**
   * Writes a message that is too long for the send queue. `memory` is that of the payload, with room for a header before it,
   * if it is ours and not the caller's.
   *
   * @param {number} opcode
   * @param {Buffer} payload
   * @param {Buffer | null} memory
   */
  _writeLong(opcode, payload, memory) {
    const driver = this._driver;
    const { _direct: direct } = driver;
    if (direct !== null && this._frames === null && direct.writable) {
      if (payload.length >= PAST_BYTES || this._claimFirstAnswer()) {
        this._writePast(direct, opcode, payload, memory);
        return;
      }
    } else if (driver._sharesFrames) {
      this._gather(opcode, memory || bytesIn(payload));
      return;
    }
    this.wrote(native.send(driver._id, opcode, payload));
    if (memory !== null) keep(memory);
  }

  /**
   * Whether this is the first message that is sent in answer to the only event of a chunk. It is written at once then, as
   * others seldom follow.
   *
   * @returns {boolean}
   */
  _claimFirstAnswer() {
    const isFirst = this.holders === 1 && this._driver._input.batch === null && this._pending === 0 && !this._hasAnswered;
    if (isFirst) this._hasAnswered = true;
    return isFirst;
  }

  /**
   * Writes a message past the socket's stream; the stream gets the bytes that the kernel does not take.
   *
   * @param {DirectSocket} direct
   * @param {number} opcode
   * @param {Buffer} payload
   * @param {Buffer | null} memory
   */
  _writePast(direct, opcode, payload, memory) {
    const { io, _id: id } = this._driver;
    const left = direct.send(opcode, payload);
    const held = left === 0 ? 0 : frameQueued(id);
    this._handOver(held);
    if (left > held) {
      const rest = payload.subarray(payload.length - (left - held));
      if (memory !== null && rest.length * 2 > payload.length) {
        io._put(rest);
        return;
      }
      // A copy, as the caller may overwrite its buffer at once, and we overwrite ours.
      io._put(Buffer.from(rest));
    }
    if (memory !== null) keep(memory);
  }

  /**
   * Makes a frame in the memory of its payload, to be written at the end of the turn without a copy.
   *
   * @param {number} opcode
   * @param {Buffer} memory
   */
  _gather(opcode, memory) {
    const { _id: id } = this._driver;
    this._gatherOutput();
    const start = native.frameAround(id, opcode, memory);
    if (start < 0) {
      this.wrote(native.send(id, opcode, memory.subarray(HEADER_ROOM)));
      return;
    }
    const frame = memory.subarray(start);
    this._only = this._frames === null ? frame : null;
    (this._frames ||= []).push(frame);
    this._framed += frame.length;
    this.wrote(0);
  }

  /** Takes the session's output, which has to be written before the frames that are gathered next. */
  _gatherOutput() {
    const { _id: id, _direct: direct } = this._driver;
    if (direct !== null) direct.clearDirty();
    const length = this._isExact ? this._pending : frameQueued(id);
    this.holds(0);
    const bytes = length > 0 ? this._takeOutput(length) : EMPTY;
    if (bytes.length === 0) return;
    (this._frames ||= []).push(bytes);
    this._framed += bytes.length;
  }

  /**
   * Notes a message of `length` bytes in the send queue, which the next native call frames.
   *
   * @param {number} length
   */
  queued(length) {
    const driver = this._driver;
    // Its length after compression is not known.
    if (!driver._sharesFrames) this._isExact = false;
    this.wrote(this._pending + length + driver._overhead(length));
  }

  /**
   * Notes that the session has `pending` bytes for the peer, and has them written: at the end of the turn, or at once from
   * `FLUSH_BYTES` on.
   *
   * @param {number} pending
   */
  wrote(pending) {
    this._pending = pending;
    if (this._driver._owner === null || pending + this._framed >= FLUSH_BYTES) this.flush();
    else if (!this._isScheduled && (this.holders === 0 || running.isExiting)) {
      this._isScheduled = true;
      flushAtEndOfTurn(this);
    }
  }

  /** Writes the output to the socket. */
  flush() {
    this._isScheduled = false;
    if (this._frames !== null) return this._putFrames(this._frames);
    const { _pending: pending, _driver: { _id: id, _direct: direct } } = this;
    if (direct === null) {
      if (pending === 0) return;
    } else {
      if (pending === 0 && !direct.isDirty) return;
      if (direct.writable) return this._handOver(direct.write());
      direct.clearDirty();
    }
    this._handOver(this._isExact ? pending : frameQueued(id));
  }

  /** As `flush`, but past the stream by the dirty list: written with that of other connections before the loop goes on. */
  flushTogether() {
    const { _pending: pending, _driver: { _direct: direct } } = this;
    if (direct === null || pending === 0 || this._frames !== null || !direct.writable) return this.flush();
    this._isScheduled = false;
    this._pending = 0;
    this._isExact = false;
    direct.markDirty(pending);
  }

  /**
   * The session's output is about to be written without `flush`. Returns whether there may be any.
   *
   * @returns {boolean}
   */
  takePending() {
    const isPending = this._pending !== 0;
    this._pending = 0;
    return isPending;
  }

  /** Writes all bytes of the session to the socket's stream. */
  handOverAll() {
    this._handOver(frameQueued(this._driver._id));
  }

  /**
   * Writes the bytes of the session, which should be `length`, to the socket's stream.
   *
   * @param {number} length
   */
  _handOver(length) {
    this.holds(0);
    if (length === 0) return;
    const { io } = this._driver;
    const bytes = this._takeOutput(length);
    if (bytes.length < POOLED_BYTES) {
      if (bytes.length > 0) io._put(bytes);
    } else if (putAndForget(io, bytes)) keep(bytes);
  }

  /**
   * Takes the bytes of the session, which should be `length`.
   *
   * @param {number} length
   * @returns {Buffer}
   */
  _takeOutput(length) {
    for (;;) {
      const bytes = length < POOLED_BYTES ? Buffer.allocUnsafe(length) : take(length);
      const held = native.takeOutput(this._driver._id, bytes);
      if (held === length) return bytes;
      length = held;
    }
  }

  /**
   * Writes gathered frames, and then the bytes of the session, to the socket's stream: in one write, unless they are long.
   *
   * @param {Buffer[]} frames
   */
  _putFrames(frames) {
    this._gatherOutput();
    const { _framed: bytes, _only: only, _driver: { io } } = this;
    this._dropFrames();
    if (frames.length === 1 && only !== null) {
      if (putAndForget(io, only)) keep(only);
    } else if (bytes <= FLUSH_BYTES) {
      // Joined, not corked: a corked stream returns false from `write`, and emits 'drain' afterwards.
      io._put(Buffer.concat(frames, bytes));
    } else {
      sequence(...frames.map((frame) => () => io._put(frame)));
    }
  }

  _dropFrames() {
    this._frames = null;
    this._only = null;
    this._framed = 0;
  }

  // ---- a socket that is congested, or has ended

  /**
   * Answers a ping. A peer that pings and does not read must not make us keep a pong for each ping.
   *
   * @param {Buffer} payload
   */
  pong(payload) {
    if (this.isCongested) {
      if (this._unsentPongs >= MAX_UNSENT_PONGS) {
        this._lastPong = payload;
        return;
      }
      this._unsentPongs++;
    }
    this.write(Opcode.pong, payload);
  }

  /** The socket has drained. */
  drained() {
    this.isCongested = false;
    this._unsentPongs = 0;
    const { _lastPong: payload } = this;
    if (payload === null) return;
    this._lastPong = null;
    if (this._driver.readyState < 3) this.pong(payload);
  }

  /** Drops the output that the socket has not got. */
  discard() {
    const { _direct: direct } = this._driver;
    if (direct !== null) direct.clearDirty();
    this.release();
  }

  /** The session was released, and its output with it. */
  release() {
    this._pending = 0;
    this._dropFrames();
  }
}

// Fields that most connections never set: they use no memory on the prototype.

Output.prototype.isCongested = false;
Output.prototype._frames = null;
Output.prototype._framed = 0;
Output.prototype._only = null;
/** Whether the event of the chunk that is being dispatched was answered, with a message that was written at once. */
Output.prototype._hasAnswered = false;
Output.prototype._unsentPongs = 0;
Output.prototype._lastPong = null;

module.exports = Output;
