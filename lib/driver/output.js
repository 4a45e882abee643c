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

/** Bytes of output that are not held back until the turn ends, so that `send` can tell the truth. */
const FLUSH_BYTES = 65536;

/** Shorter messages are copied, to be written with others. */
const PAST_BYTES = 32768;

/** Longer texts are encoded where they are framed, unless they go past the socket's stream. */
const MAX_QUEUED_CHARS = 4096;

/** For less, Node's pool of memory is as good as memory that is used again. */
const POOLED_BYTES = 256;

/** Replies to pings that may wait for a congested socket; beyond, only the newest is kept. */
const MAX_UNSENT_PONGS = 60;

const EMPTY = Buffer.alloc(0);

/**
 * What a driver says, on its way from messages to the socket. Short messages are queued, and the
 * session frames them when it is next called; long ones are framed in memory of their own. Of both,
 * what is said in one turn leaves in one write when the turn ends.
 *
 * Of its driver it reads `_id`, `_owner`, who writes the socket (`io`, `_direct`), `_input.batch` and how
 * messages are framed (`_overhead`, `_sharesFrames`); it calls nothing of it.
 */
class Output {
  /** @param {Driver} driver */
  constructor(driver) {
    this._driver = driver;
    /** How many callers hold output back until they are done, one inside the other. */
    this.holders = 0;
    /** Whether `flushTogether` will be called at the end of the turn. */
    this._isScheduled = false;
    /** Bytes for the peer that the session holds; exact where `_isExact`. */
    this._pending = 0;
    this._isExact = true;

    // Declared, not set: these begin on the prototype.
    /** @type {Buffer[] | null} frames of long messages that wait for the end of the turn */
    this._frames;
    /** @type {number} bytes of these frames */
    this._framed;
    /** @type {Buffer | null} the first of them, if no other output goes before it */
    this._only;
    /** @type {number} replies to pings that wait for a congested socket */
    this._unsentPongs;
    /** @type {Buffer | null} the payload of the newest ping that waits for an answer */
    this._lastPong;
  }

  /**
   * Listeners begin to run: what they say leaves when they are done, or never return.
   *
   * @returns {Output | null} what `letGo` is to be given
   */
  hold() {
    const outer = running.output;
    running.output = this;
    this.holders++;
    return outer;
  }

  /**
   * The listeners are done; the caller flushes.
   *
   * @param {Output | null} outer
   * @returns {boolean} whether nobody else holds output back
   */
  letGo(outer) {
    running.output = outer;
    if (this._hasAnswered) this._hasAnswered = false;
    return --this.holders === 0;
  }

  /**
   * Bytes for the peer that were not handed to the socket's stream or the system, as far as they are known.
   *
   * @returns {number}
   */
  get unsent() {
    const { _direct: direct } = this._driver;
    return this._pending + this._framed + (direct === null ? 0 : direct.dirtyBytes);
  }

  /**
   * The session holds exactly `pending` bytes.
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
   * Writes a message that is not queued; `memory` is the payload's with room for a header, if it is ours.
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
   * Whether this is the first that is said to the only message of a chunk: others seldom follow.
   *
   * @returns {boolean}
   */
  _claimFirstAnswer() {
    const isFirst = this.holders === 1 && this._driver._input.batch === null && this._pending === 0 && !this._hasAnswered;
    if (isFirst) this._hasAnswered = true;
    return isFirst;
  }

  /**
   * Writes a message past the socket's stream, which gets what the kernel does not take.
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
      // A copy: the caller may overwrite its buffer at once, as we will overwrite ours.
      io._put(Buffer.from(rest));
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

  /** What the session holds goes out before the frames that are gathered next. */
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
   * Notes a message of `length` bytes that the session will frame when it is next called.
   *
   * @param {number} length
   */
  queued(length) {
    const driver = this._driver;
    // Nobody knows how long it will be when it has been compressed.
    if (!driver._sharesFrames) this._isExact = false;
    this.wrote(this._pending + length + driver._overhead(length));
  }

  /**
   * Notes that the session holds `pending` bytes for the peer.
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

  /** Hands the session's output to the socket. */
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

  /** As `flush`, before the loop goes on: together with other connections, where that is cheaper. */
  flushTogether() {
    const { _pending: pending, _driver: { _direct: direct } } = this;
    if (direct === null || pending === 0 || this._frames !== null || !direct.writable) return this.flush();
    this._isScheduled = false;
    this._pending = 0;
    this._isExact = false;
    direct.markDirty(pending);
  }

  /**
   * The session's output is about to be written without `flush`: whether there is any, as far as is known here.
   *
   * @returns {boolean}
   */
  takePending() {
    const isPending = this._pending !== 0;
    this._pending = 0;
    return isPending;
  }

  /** Hands all that the session holds to the socket's stream. */
  handOverAll() {
    this._handOver(frameQueued(this._driver._id));
  }

  /**
   * Hands the `length` bytes that the session holds to the socket's stream.
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
   * What the session holds, which should be `length` bytes.
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
   * Hands gathered frames and what the session holds to the socket's stream: in one write, unless it is long.
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
      // Corked, the socket would seem congested, and then announce that it has drained.
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

  // ---- a socket that takes no more, or is gone

  /**
   * Answers a ping. A peer that pings and never reads must not make us collect its pongs.
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

  /** The socket has written what it held. */
  drained() {
    this.isCongested = false;
    this._unsentPongs = 0;
    const { _lastPong: payload } = this;
    if (payload === null) return;
    this._lastPong = null;
    if (this._driver.readyState < 3) this.pong(payload);
  }

  /** Forgets what has not been handed to the socket. */
  discard() {
    const { _direct: direct } = this._driver;
    if (direct !== null) direct.clearDirty();
    this.release();
  }

  /** The session is gone, and what it held with it. */
  release() {
    this._pending = 0;
    this._dropFrames();
  }
}

// What most connections never need.

/** Whether the socket has more to write than it wants. */
Output.prototype.isCongested = false;
Output.prototype._frames = null;
Output.prototype._framed = 0;
Output.prototype._only = null;
/** Whether a message of the chunk that is being dispatched has been answered at once. */
Output.prototype._hasAnswered = false;
Output.prototype._unsentPongs = 0;
Output.prototype._lastPong = null;

module.exports = Output;
