'use strict';

/**
 * @import { Handshake } from '../contracts'
 * @import Driver from './driver'
 */

// Not the global function, which test runners replace.
const { setImmediate } = require('timers');

const Backlog = require('./backlog');
const Batch = require('./batch');
const { CloseCode } = require('./close_code');
const Landing = require('./landing');
const { LEAST: LONG_TEXT, decodeText } = require('./long_text');
const {
  native, spans, slab, Status, Kind,
  KIND_BITS, SCRATCH_BIT, OPCODE_SHIFT, RSV_SHIFT, HEADER_INTS, RELEASED, isOverwritten,
} = require('./session');
const { latin1Of, utf8Of } = require('../socket/node_internals');

/** Status of a batch whose handshake or verdict was dealt with: the rest of the chunk has to be parsed. */
const RESUME = Status.FULL;

/** Fewer missing bytes of a message are copied from the slab: a read into memory of their own would cost more. */
const LEAST_READ = 32768;

/** Why nothing is read: chunks wait behind listeners that have thrown; plug-ins have not returned messages. */
const Stop = { BEHIND: 1, PLUGINS: 2 };

const EMPTY = Buffer.alloc(0);

/**
 * The input of a driver. The native session parses chunks, and the driver is told of their events in order, also when
 * listeners throw, pause, or feed the driver again. Chunks and events that cannot be parsed or delivered yet are kept.
 *
 * Of its driver it reads `readyState`, `_id`, and what reads the socket (`io`, `_direct`). It calls `_deliver`,
 * `_deliverEncoded`, `_deliverPart`, `_receivePing`, `_receivePong` and `_settle`, and `complete` of the handshake.
 */
class Input {
  /** @param {Driver} driver */
  constructor(driver) {
    this._driver = driver;
    /** @type {Batch | null} events of a chunk that were not dispatched yet, and the status of the chunk */
    this.batch = null;

    // Declared, not set: these begin on the prototype.
    /** @type {Landing | null} a long message that is being joined here, of chunks */
    this._landing;
    /** @type {Buffer | null} a long message that was joined, until it is delivered */
    this._landed;
    /** @type {Buffer | null} the chunk of which the rest is parsed when a message was inflated on another thread */
    this.held;
    /** @type {Backlog | null} chunks behind that one, or behind events of which a listener has thrown */
    this._backlog;
    /** @type {number} bits of `Stop` */
    this._stops;
  }

  /**
   * Takes bytes of the peer. Exceptions of listeners are thrown to the caller; the events behind are kept.
   *
   * @param {any} chunk a Buffer, or an argument of `Buffer.from`; payloads are unmasked in it
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
      // Each chunk delivers no more than the events up to the next exception: a peer that sends more would have all kept.
      if (this._backlog !== null && this._backlog.isLong) this._catchUpLater();
    }
  }

  /**
   * As `parse`, for `length` bytes that the event loop has read and parsed.
   *
   * @param {Buffer} chunk memory that the events point into
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
        // The rest of these bytes has to be parsed by `native.receive`.
        const { batch } = this;
        if (batch.status !== Status.NEED_MORE) batch.resumeIn(chunk.subarray(0, length));
        this._drain();
      }
    } finally {
      if (output.letGo(outer)) output.flushTogether();
    }
  }

  /**
   * As `takeReport`, for the rest of a long message that the event loop has read into memory that was lent for it.
   *
   * @param {Buffer} memory that `DirectSocket.land` was given
   * @param {number} length bytes
   */
  takeLanded(memory, length) {
    this._landed = memory;
    this.takeReport(memory, length, 1);
  }

  /** The peer has ended its stream: delivers events and chunks behind a listener that has thrown, as no other chunk will. */
  deliverRest() {
    const { _driver: driver } = this;
    // A closed driver delivers nothing, and the loop would not end.
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

  /** Events that were not delivered are dropped from now on; chunks are still parsed, for the peer's close frame. */
  end() {
    this._isEnded = true;
  }

  /** The session was released: nothing is parsed any more. */
  release() {
    this._isEnded = true;
    this._landing = this._backlog = null;
  }

  /**
   * Whether nothing more may be read now.
   *
   * @returns {boolean}
   */
  get isFull() {
    return this.held !== null || this._stops !== 0;
  }

  /**
   * Nothing more is read until `goOn` is called: the socket learns of it when the chunk was taken.
   *
   * @param {number} reason one of `Stop`
   */
  stop(reason) {
    this._stops |= reason;
  }

  /**
   * The reason to read nothing is over.
   *
   * @param {number} reason one of `Stop`
   */
  goOn(reason) {
    if ((this._stops & reason) === 0) return;
    this._stops &= ~reason;
    if (!this.isFull) this._readAgain();
  }

  /**
   * Whether events were not delivered yet, or chunks not parsed.
   *
   * @returns {boolean}
   */
  get isBehind() {
    return this.batch !== null || this.held !== null || this._backlog !== null;
  }

  // ---- which memory holds the bytes

  /** Another reader begins: the bytes of a long message that have arrived are given back to the session. */
  stopLanding() {
    if (this._landing === null) return;
    native.cancelLanding(this._driver._id, this._landing.memory);
    this._landing = null;
  }

  /**
   * The first `length` bytes of the slab, of this connection, will be overwritten: copies what is still needed of them.
   * Returns whether later chunks have to come through `parse`: behind events of which a listener has thrown or runs the
   * event loop, behind a message that is inflated on another thread, or within a long message that is joined here.
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
   * `chunk` may be overwritten or transferred from now on: copies what is still needed of it.
   *
   * @param {Buffer} chunk
   */
  _leaveMemory(chunk) {
    const { batch, held, _backlog: backlog } = this;
    if (batch !== null) batch.leave(chunk);
    if (held !== null && isOverwritten(held, chunk)) this.held = Buffer.from(chunk);
    if (backlog !== null) backlog.leave(chunk);
  }

  // ---- parsing

  /**
   * Parses a chunk after everything before it was delivered. The chunk is kept if a listener of that throws.
   *
   * @param {Buffer} chunk
   */
  _take(chunk) {
    if (this.isBehind) {
      (this._backlog ||= new Backlog()).push(chunk);
    } else {
      this._parse(chunk, 0);
      if (this.batch === null) return;
    }
    this._drain();
  }

  /**
   * @param {Buffer} chunk
   * @param {number} from byte from which on to parse
   */
  _parse(chunk, from) {
    if (this._landing !== null) this._receiveLanding(this._landing, chunk, from);
    else this._receive(chunk, from);
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
   * Takes the native report about a chunk, from the spans.
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

  /** Dispatches events and parses chunks, until there are none, or a message has to be inflated on another thread first. */
  _drain() {
    for (;;) {
      const { batch, _backlog: backlog } = this;
      if (batch === null) {
        if (backlog === null || this.held !== null) return;
        const chunk = backlog.shift();
        if (backlog.isEmpty) this._backlog = null;
        this._parse(chunk, 0);
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

  /** The memory of a chunk was transferred by other code, before its events were delivered: fails the connection. */
  _lose() {
    this.batch = this._backlog = null;
    const text = 'The memory of received bytes was transferred before they were read';
    native.failSession(this._driver._id, CloseCode.unexpected_condition, text);
    this._driver._settle();
  }

  // ---- long messages

  /**
   * The chunk of a batch ends within a long message: begins to join it.
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
   * Takes the next bytes of a long message that is being joined; the rest of the chunk is parsed behind it.
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
   * A message takes long to inflate: has that done on another thread, and goes on with the chunk afterwards.
   *
   * @param {Buffer} chunk
   * @param {number} from byte of the chunk from which on to parse then
   */
  _inflateAsync(chunk, from) {
    this.held = chunk;
    // In a tick, as exceptions of listeners would become rejections of the promise.
    native.inflateAsync(this._driver._id).then(() => process.nextTick(() => this._readOn(from)));
  }

  /**
   * Parses the chunks that have waited for a message to be inflated.
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
      if (this._backlog !== null) this._catchUpLater();
      else if (!this.isFull) this._readAgain();
    }
  }

  /** Has the socket read again, unless the application has paused. */
  _readAgain() {
    const { io, _direct: direct } = this._driver;
    if (io._paused) return;
    if (direct !== null) direct.resume();
    io.emit('drain');
  }

  // ---- behind listeners that have thrown

  /** Has what waits behind a listener that has thrown delivered in a later turn; nothing more is read until then. */
  _catchUpLater() {
    if (this.held !== null || this._stops & Stop.BEHIND) return;
    this.stop(Stop.BEHIND);
    setImmediate(() => this._catchUp());
  }

  /** Delivers what waits, up to the next exception of a listener, which is thrown to the caller. */
  _catchUp() {
    const driver = this._driver;
    const output = driver._output;
    const outer = output.hold();
    try {
      if (this.held === null) this._drain();
    } finally {
      if (output.letGo(outer) || driver._owner === null) output.flush();
      if (this.isBehind && this.held === null) setImmediate(() => this._catchUp());
      else this.goOn(Stop.BEHIND);
    }
  }

  // ---- events

  /**
   * Tells the driver of one event.
   *
   * @param {number} code a `Kind` in the low bits; see ./session for the others
   * @param {number} offset bytes
   * @param {number} length bytes
   * @param {Buffer} chunk memory that the event points into, unless its payload is in scratch memory
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
   * A copy of a payload for listeners. From half of `Buffer.poolSize` on it has an ArrayBuffer of its own, which a listener
   * may transfer; shorter ones are parts of Node's pool, which cannot be transferred.
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

// Fields that most connections never set: they use no memory on the prototype.

/** Whether events that were not delivered are dropped. */
Input.prototype._isEnded = false;
Input.prototype._landing = null;
Input.prototype._landed = null;
Input.prototype.held = null;
Input.prototype._backlog = null;
Input.prototype._stops = 0;

Input.Stop = Stop;

module.exports = Input;
