'use strict';

/**
 * @import { Handshake } from '../contracts'
 * @import Driver from './driver'
 */

const Batch = require('./batch');
const { CloseCode } = require('./close_code');
const Landing = require('./landing');
const { LEAST: LONG_TEXT, decodeText } = require('./long_text');
const {
  native, spans, slab, Status, Kind,
  KIND_BITS, SCRATCH_BIT, OPCODE_SHIFT, RSV_SHIFT, HEADER_INTS, RELEASED,
} = require('./session');
const { latin1Of, utf8Of } = require('../socket/node_internals');

/** After handshakes and verdicts the rest of the chunk is still to be parsed. */
const RESUME = Status.FULL;

/** Past the stream, reading fewer bytes without what follows them costs more than copying them. */
const LEAST_READ = 32768;

const EMPTY = Buffer.alloc(0);

/**
 * What the peer says: chunks come in, the session parses them, and the driver is told of each event in order,
 * whatever listeners do meanwhile. Keeps what could not be parsed or delivered yet.
 *
 * Of its driver it reads `readyState`, `_id` and who reads the socket (`io`, `_direct`), and calls `_deliver`,
 * `_deliverEncoded`, `_receivePing`, `_receivePong` and `_settle`, and `complete` of the handshake.
 */
class Input {
  /** @param {Driver} driver */
  constructor(driver) {
    this._driver = driver;
    /** @type {Batch | null} events of a chunk that have not been dispatched yet, and what its status asks for */
    this.batch = null;

    // Declared, not set: these begin on the prototype.
    /** @type {Landing | null} a long message that is being joined */
    this._landing;
    /** @type {Buffer | null} a long message that has been joined, until it is delivered */
    this._landed;
    /** @type {Buffer | null} the chunk that is parsed on when a message has been inflated */
    this.held;
    /** @type {Buffer[] | null} chunks behind that one, or behind events whose listener threw */
    this._queued;
  }

  /**
   * Takes bytes of the peer. What listeners throw comes out of it, and nothing that was received is lost by that.
   *
   * @param {any} chunk a Buffer, or what can be made one; its memory may be changed until the call returns
   */
  parse(chunk) {
    const driver = this._driver;
    if (driver.readyState === 3) return;
    if (!Buffer.isBuffer(chunk)) {
      if (!chunk) return;
      chunk = Buffer.from(chunk);
    }
    const output = driver._output;
    const outer = output.hold();
    try {
      this._take(chunk);
    } finally {
      if (this.isBehind) this._leaveMemory(chunk);
      if (output.letGo(outer) || driver._owner === null) output.flush();
    }
  }

  /**
   * As `parse`, for `length` bytes that the native side has read and parsed itself.
   *
   * @param {Buffer} chunk what the events point into
   * @param {number} length bytes
   * @param {number} count events in `spans`
   */
  takeReport(chunk, length, count) {
    const driver = this._driver;
    if (driver.readyState === 3) return;
    const output = driver._output;
    const outer = output.hold();
    try {
      this._report(chunk, count);
      if (this.batch !== null) {
        // All of it is to be parsed again from where it stopped.
        const { batch } = this;
        if (batch.status !== Status.NEED_MORE) batch.resumeIn(chunk.subarray(0, length));
        this._drain();
      }
    } finally {
      if (output.letGo(outer)) output.flushTogether();
    }
  }

  /**
   * As `takeReport`, for the rest of a long message, which the native side has read to memory of its own.
   *
   * @param {Buffer} memory that `DirectSocket.land` was given
   * @param {number} length bytes
   */
  takeLanded(memory, length) {
    this._landed = memory;
    this.takeReport(memory, length, 1);
  }

  /** The peer has ended: what is left behind a listener that threw would wait for another chunk for ever. */
  deliverRest() {
    const { _driver: driver } = this;
    // A driver that is closed takes nothing any more, and what is left would be left for ever.
    while (driver.readyState < 3 && this.isBehind && this.held === null && !driver.io._paused) {
      try {
        this.parse(EMPTY);
      } catch (error) {
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }

  /** What was received and has not been delivered is passed over, but for what the session still has to find in it. */
  end() {
    this._isEnded = true;
  }

  /** The session is gone: nothing will be parsed any more. */
  release() {
    this._isEnded = true;
    this._landing = this._queued = null;
  }

  /**
   * Whether something that was received has not been delivered or parsed yet.
   *
   * @returns {boolean}
   */
  get isBehind() {
    return this.batch !== null || this.held !== null || this._queued !== null;
  }

  // ---- who reads, and to which memory

  /** Somebody else reads from now on: what has arrived of a long message is the session's. */
  stopLanding() {
    if (this._landing === null) return;
    native.cancelLanding(this._driver._id, this._landing.memory);
    this._landing = null;
  }

  /**
   * The slab, of which the first `length` bytes are this connection's, will be overwritten: what is
   * left of them is copied. Returns whether what follows must come through `parse`: behind events of a
   * listener that threw or runs the event loop, a message that is inflated on another thread, or the
   * first of a long one.
   *
   * @param {number} length
   * @returns {boolean}
   */
  leaveSlab(length) {
    if (!this.isBehind) return this._landing !== null;
    this._leaveMemory(slab.subarray(0, length));
    return true;
  }

  /**
   * `chunk` may be overwritten or transferred from now on: what is left of it is copied.
   *
   * @param {Buffer} chunk
   */
  _leaveMemory(chunk) {
    const { batch, held, _queued: queued } = this;
    if (batch !== null) batch.leave(chunk);
    if (held !== null && isPartOf(held, chunk)) this.held = Buffer.from(chunk);
    if (queued === null) return;
    for (let i = 0; i < queued.length; i++) {
      if (isPartOf(queued[i], chunk)) queued[i] = Buffer.from(chunk);
    }
  }

  // ---- parsing

  /**
   * Parses a chunk, behind what came before it: a listener of that may throw, and the chunk is kept.
   *
   * @param {Buffer} chunk
   */
  _take(chunk) {
    if (this.isBehind) {
      (this._queued ||= []).push(chunk);
    } else {
      this._parse(chunk, 0);
      if (this.batch === null) return;
    }
    this._drain();
  }

  /**
   * @param {Buffer} chunk
   * @param {number} from bytes to leave out
   */
  _parse(chunk, from) {
    if (this._landing !== null) this._receiveLanding(this._landing, chunk, from);
    else this._receive(chunk, from);
  }

  /**
   * @param {Buffer[]} queued the chunks that wait, at least one
   * @returns {Buffer} the chunk that has waited longest
   */
  _unqueue(queued) {
    const chunk = /** @type {Buffer} */ (queued.shift());
    if (queued.length === 0) this._queued = null;
    return chunk;
  }

  /**
   * @param {Buffer} chunk
   * @param {number} from
   */
  _receive(chunk, from) {
    const { _id: id } = this._driver;
    if (id !== RELEASED) this._report(chunk, native.receive(id, chunk, from));
  }

  /**
   * Takes what the native side has reported of a chunk.
   *
   * @param {Buffer} chunk
   * @param {number} count events in `spans`
   */
  _report(chunk, count) {
    const status = spans[0];
    this._driver._output.holds(spans[2]);
    if (count === 1 && status === Status.NEED_MORE) {
      this._dispatch(spans[HEADER_INTS], spans[HEADER_INTS + 1], spans[HEADER_INTS + 2], chunk);
    } else if (count > 0 || status !== Status.NEED_MORE) {
      this.batch = new Batch(chunk, count, status, spans[1]);
    }
  }

  /** Dispatches and parses what is there, unless it has to wait for a message to be inflated. */
  _drain() {
    for (;;) {
      const { batch } = this;
      if (batch === null) {
        if (this._queued === null || this.held !== null) return;
        this._parse(this._unqueue(this._queued), 0);
        continue;
      }
      const { events, next, status } = batch;
      if (batch.isTorn) {
        this._lose();
      } else if (next < events.length) {
        batch.next = next + 3;
        this._dispatch(events[next], events[next + 1], events[next + 2], batch.chunk);
      } else if (status === Status.NEED_MORE) {
        this.batch = null;
      } else if (status === RESUME) {
        this.batch = null;
        this._receive(batch.source, batch.consumed);
      } else if (status === Status.LANDING) {
        this.batch = null;
        this._land(batch);
      } else if (status === Status.BUSY) {
        this.batch = null;
        this._inflateAsync(batch.source, batch.consumed);
      } else {
        batch.status = RESUME;
        if (status === Status.HANDSHAKE) /** @type {Handshake} */ (this._driver._handshake).complete();
        else this._driver._settle();
      }
    }
  }

  /** Whoever else has the memory of a chunk has transferred it: what was in it cannot be known any more. */
  _lose() {
    this.batch = this._queued = null;
    const text = 'The memory of received bytes was transferred before they were read';
    native.failSession(this._driver._id, CloseCode.unexpected_condition, text);
    this._driver._settle();
  }

  // ---- long messages

  /**
   * The chunk of a batch ends within a long message.
   *
   * @param {Batch} batch
   */
  _land({ source, consumed, missing }) {
    const { readyState, _id: id, _direct: direct } = this._driver;
    if (readyState > 1) return;
    if (direct !== null && missing < LEAST_READ) {
      native.cancelLanding(id, source.subarray(consumed));
      return;
    }
    const landing = new Landing(source, consumed, missing);
    if (direct === null || !direct.land(landing.memory)) this._landing = landing;
  }

  /**
   * Takes what comes next of that message; the rest of the chunk is parsed behind it.
   *
   * @param {Landing} landing
   * @param {Buffer} chunk
   * @param {number} from
   */
  _receiveLanding(landing, chunk, from) {
    const { readyState, _id: id } = this._driver;
    if (readyState > 1) {
      this._landing = null;
      this._receive(chunk, from);
      return;
    }
    const next = from + landing.push(chunk, from);
    const count = native.landed(id, landing.memory, next - from);
    if (count === 0) return;
    this._landing = null;
    this._landed = landing.memory;
    if (next === chunk.length) {
      this._report(landing.memory, count);
    } else {
      this.batch = new Batch(landing.memory, count, RESUME, next);
      this.batch.resumeIn(chunk);
    }
  }

  /**
   * A message takes long to inflate: that happens on another thread, and reading goes on later.
   *
   * @param {Buffer} chunk
   * @param {number} from where parsing goes on
   */
  _inflateAsync(chunk, from) {
    this.held = chunk;
    // Out of the promise: what listeners throw is theirs to catch.
    native.inflateAsync(this._driver._id).then(() => process.nextTick(() => this._readOn(from)));
  }

  /**
   * Parses what waited for a message to be inflated.
   *
   * @param {number} from
   */
  _readOn(from) {
    const { _driver: driver } = this;
    const chunk = /** @type {Buffer} */ (this.held);
    this.held = null;
    const output = driver._output;
    const outer = output.hold();
    try {
      this._parse(chunk, from);
      this._drain();
    } finally {
      if (this.isBehind) this._leaveMemory(chunk);
      if (output.letGo(outer) || driver._owner === null) output.flush();
      if (this.held === null) this._goOn();
    }
  }

  /** Nothing is held any more; chunks are left when a listener threw. */
  _goOn() {
    const { io, _direct: direct } = this._driver;
    if (this._queued !== null) {
      this.held = this._unqueue(this._queued);
      process.nextTick(() => this._readOn(0));
    } else if (!io._paused) {
      if (direct !== null) direct.resume();
      io.emit('drain');
    }
  }

  // ---- events

  /**
   * Tells the driver of one event.
   *
   * @param {number} code a `Kind` and what follows above it, see ./session
   * @param {number} offset bytes
   * @param {number} length bytes
   * @param {Buffer} chunk what the event points into, unless its payload is in scratch memory
   */
  _dispatch(code, offset, length, chunk) {
    if (this._isEnded) return;
    const driver = this._driver;
    const kind = code & KIND_BITS;
    if (kind === Kind.PING) return driver._receivePing(this._payload(code, offset, length, chunk));
    if (kind === Kind.PONG) return driver._receivePong(this._payload(code, offset, length, chunk));
    if (driver.readyState > 1) return;
    switch (kind) {
      case Kind.TEXT_ASCII:
        return driver._deliver(code & SCRATCH_BIT
          ? native.scratchText(driver._id, offset, length)
          : latin1Of(chunk, offset, offset + length));
      case Kind.TEXT_UTF8:
        if (length >= LONG_TEXT) return driver._deliver(decodeText(this._payload(code, offset, length, chunk)));
        // Falls through.
      case Kind.TEXT_LENIENT:
        return driver._deliver(code & SCRATCH_BIT
          ? native.scratchText(driver._id, offset, length)
          : utf8Of(chunk, offset, offset + length));
      case Kind.BINARY:
        return driver._deliver(this._payload(code, offset, length, chunk));
      case Kind.ENCODED: {
        const payload = this._payload(code, offset, length, chunk);
        return driver._deliverEncoded(code >> OPCODE_SHIFT & 15, code >> RSV_SHIFT & 7, payload);
      }
      case Kind.PART: {
        const isFirst = (code >> RSV_SHIFT & 1) !== 0;
        const isLast = (code >> RSV_SHIFT & 2) !== 0;
        return driver._deliverPart(code >> OPCODE_SHIFT & 15, isFirst, isLast, this._payload(code, offset, length, chunk));
      }
    }
  }

  /**
   * Memory for a payload that is nobody else's: from half of `Buffer.poolSize` on an ArrayBuffer of its own, as the listener
   * may transfer it, below that a part of Node's pool, which cannot be transferred.
   *
   * @param {number} code
   * @param {number} offset
   * @param {number} length
   * @param {Buffer} chunk
   * @returns {Buffer}
   */
  _payload(code, offset, length, chunk) {
    if (code & SCRATCH_BIT) {
      const bytes = Buffer.allocUnsafe(length);
      native.scratchBytes(this._driver._id, offset, bytes);
      return bytes;
    }
    if (chunk === this._landed) {
      this._landed = null;
      if (length === chunk.length) return chunk;
    }
    const bytes = Buffer.allocUnsafe(length);
    bytes.set(new Uint8Array(chunk.buffer, chunk.byteOffset + offset, length));
    return bytes;
  }
}

// What most connections never need.

/** Whether what has been read but not delivered is to be passed over. */
Input.prototype._isEnded = false;
Input.prototype._landing = null;
Input.prototype._landed = null;
Input.prototype.held = null;
Input.prototype._queued = null;

/**
 * Whether `bytes` are `chunk`, or lie in the slab, where nothing but the chunk at hand does.
 *
 * @param {Uint8Array} bytes
 * @param {Uint8Array} chunk
 * @returns {boolean}
 */
function isPartOf(bytes, chunk) {
  return bytes === chunk || bytes.buffer === slab.buffer;
}

module.exports = Input;
