'use strict';

/**
 * @import { IncomingMessage } from 'http'
 * @import { DriverOptions, FrameType, Owner } from '../contracts'
 * @import { PeerLimits } from '../peer_limits'
 */

const { performance } = require('perf_hooks');

const Backpressure = require('./backpressure');
const Batch = require('./batch');
const defaults = require('./defaults');
const { IO, Messages } = require('./streams');
const { OpenEvent, MessageEvent, CloseEvent, PingEvent, PongEvent } = require('./events');
const Landing = require('./landing');
const { LEAST: LONG_TEXT, decodeText } = require('./long_text');
const { strike } = require('./open_drivers');
const Output = require('./output');
const { connectionBegins, connectionEnds, running } = require('../turn');
const headerLine = require('../header_line');
const { sequence } = require('../sequence');
const {
  native, spans, slab, Status, Kind, Opcode,
  KIND_BITS, SCRATCH_BIT, OPCODE_SHIFT, RSV_SHIFT, HEADER_INTS,
} = require('./session');

/** By `readyState`. */
const STATES = ['connecting', 'open', 'closing', 'closed'];

/** After handshakes and verdicts the rest of the chunk is still to be parsed. */
const RESUME = Status.FULL;

/** Replies to pings that may wait for a congested socket; beyond, only the newest is kept. */
const MAX_UNSENT_PONGS = 60;

/** Past the stream, reading fewer bytes without what follows them costs more than copying them. */
const LEAST_READ = 32768;

const EMPTY = Buffer.alloc(0);

/** No session has this id: the native side ignores whatever is asked of it. */
const RELEASED = 0xffffffff;

/**
 * One connection: the native session that knows the protocol, and around it the order in which
 * JavaScript sees things happen. Every protocol version and both roles extend it.
 *
 * Events: open, message, error, close, ping, pong. An owner (see `attach`) is told first.
 */
class Driver extends Output {
  /**
   * @param {number} session number of the native session; the driver gives it back
   * @param {IncomingMessage | null} request of a server's connection
   * @param {string | URL} url
   * @param {DriverOptions} options
   */
  constructor(session, request, url, options) {
    super();
    this._request = request;
    this._options = options;
    this.url = url;
    this.readyState = 0;
    this.io = new IO(this);

    /** The number of the native session; it is this driver's to give back. */
    this._id = session;
    connectionBegins();
    this._owner = null;
    /** The DirectSocket that reads and writes the socket past its stream, or null. */
    this._direct = null;
    /** The handle of a server's socket, once it is known whether Node reads it; see ../socket/handle_transfer. */
    this._handle = null;

    this._batch = null;
    this._depth = 0;

    // Of Output, as all of a driver is made here.
    this._scheduled = false;
    this._pending = 0;
    this._isExact = true;
  }

  /**
   * The application's side of the driver; whoever owns the driver can do without.
   *
   * @returns {Messages}
   */
  get messages() {
    return this._messages ||= new Messages(this, !this._isFinished);
  }

  set messages(stream) {
    this._messages = stream;
  }

  /**
   * Makes `owner` the first to know of everything, through its methods `_open`, `_receiveMessage`,
   * `_emitError` and `_beginClose`, and gathers the output of a turn into one write.
   *
   * @param {Owner} owner
   */
  attach(owner) {
    this._owner = owner;
  }

  /**
   * Bounds what the peer may do and what may wait for it: see ../peer_limits. The owner calls it once, before the handshake.
   *
   * @param {PeerLimits} limits
   */
  limit({ maxBackpressure, onBackpressure, maxFragments, maxMessageRate, maxPingRate }) {
    if (maxBackpressure !== undefined) {
      this._backpressure = new Backpressure(maxBackpressure, onBackpressure === 'drop');
    }
    if (maxFragments !== undefined || maxMessageRate !== undefined || maxPingRate !== undefined) {
      native.restrictSession(this._id, maxFragments, maxMessageRate, maxPingRate);
    }
    if (maxMessageRate !== undefined || maxPingRate !== undefined) this._isRated = true;
  }

  /** What the peer sent while the application paused comes at once: that is no fault of the peer's. */
  _allowForPause() {
    native.creditSession(this._id, (performance.now() - this._pausedAt) / 1000);
  }

  /** @returns {string | null} connecting, open, closing or closed */
  getState() {
    return STATES[this.readyState] || null;
  }

  /**
   * Adds a header to our half of the handshake; an undefined value adds none.
   *
   * @param {string} name
   * @param {unknown} value made text
   * @returns {boolean} false when the handshake has been sent
   * @throws {TypeError} for CR, LF or NUL
   */
  setHeader(name, value) {
    if (this.readyState > 0) return false;
    const line = headerLine(name, value);
    if (line) (this._headers ||= []).push(line[0], line[1]);
    return true;
  }

  /**
   * Registers an extension plug-in for the handshake; the drafts before hybi have none.
   *
   * @param {object} extension as `websocket-extensions` defines them
   * @returns {boolean} whether it can be used
   */
  addExtension(extension) { // eslint-disable-line no-unused-vars
    return false;
  }

  /**
   * Whether a message may reach the native session past `text` and `binary`.
   *
   * @returns {boolean}
   */
  get _sharesFrames() {
    return false;
  }

  /**
   * Whether a message to many, of so many bytes, may reach the native session that way now.
   *
   * @param {number} length
   * @returns {boolean}
   */
  _joinsBroadcast(length) { // eslint-disable-line no-unused-vars
    return this._sharesFrames;
  }

  // ---- input

  /**
   * Takes bytes of the peer. What listeners throw comes out of it, and nothing that was received is lost by that.
   *
   * @param {any} chunk a Buffer, or what can be made one; its memory may be changed until the call returns
   */
  parse(chunk) {
    if (this.readyState === 3) return;
    if (!Buffer.isBuffer(chunk)) {
      if (!chunk) return;
      chunk = Buffer.from(chunk);
    }
    const outer = running.driver;
    running.driver = this;
    this._depth++;
    try {
      this._take(chunk);
    } finally {
      running.driver = outer;
      if (this._isBehind) this._leaveMemory(chunk);
      if (--this._depth === 0 || this._owner === null) this.flush();
    }
  }

  /**
   * As `parse`, for `length` bytes that the native side has read and parsed itself.
   *
   * @param {Buffer} chunk what the events point into
   * @param {number} length bytes
   * @param {number} count events in `spans`
   */
  _takeReport(chunk, length, count) {
    if (this.readyState === 3) return;
    const outer = running.driver;
    running.driver = this;
    this._depth++;
    try {
      this._report(chunk, count);
      if (this._batch !== null) {
        // All of it is to be parsed again from where it stopped.
        const { _batch: batch } = this;
        if (batch.status !== Status.NEED_MORE) batch.resumeIn(chunk.subarray(0, length));
        this._drain();
      }
    } finally {
      running.driver = outer;
      if (this._hasAnswered) this._hasAnswered = false;
      if (--this._depth === 0) this.flushTogether();
    }
  }

  /**
   * Whether something that was received has not been delivered or parsed yet.
   *
   * @returns {boolean}
   */
  get _isBehind() {
    return this._batch !== null || this._held !== null || this._queued !== null;
  }

  /**
   * Parses a chunk, behind what came before it: a listener of that may throw, and the chunk is kept.
   *
   * @param {Buffer} chunk
   */
  _take(chunk) {
    if (this._isBehind) {
      (this._queued ||= []).push(chunk);
    } else {
      this._parse(chunk, 0);
      if (this._batch === null) return;
    }
    this._drain();
  }

  /**
   * @param {Buffer} chunk
   * @param {number} from bytes to leave out
   */
  _parse(chunk, from) {
    if (this._landing !== null) this._receiveLanding(chunk, from);
    else this._receive(chunk, from);
  }

  /**
   * The chunk of a batch ends within a long message.
   *
   * @param {Batch} batch
   */
  _land({ source, consumed, missing }) {
    const direct = this._direct;
    if (this.readyState > 1) return;
    if (direct !== null && missing < LEAST_READ) {
      native.cancelLanding(this._id, source.subarray(consumed));
      return;
    }
    const landing = new Landing(source, consumed, missing);
    if (direct === null || !direct.land(landing.memory)) this._landing = landing;
  }

  /**
   * Takes what comes next of that message; the rest of the chunk is parsed behind it.
   *
   * @param {Buffer} chunk
   * @param {number} from
   */
  _receiveLanding(chunk, from) {
    const landing = this._landing;
    if (this.readyState > 1) {
      this._landing = null;
      this._receive(chunk, from);
      return;
    }
    const next = from + landing.push(chunk, from);
    const count = native.landed(this._id, landing.memory, next - from);
    if (count === 0) return;
    this._landing = null;
    this._landed = landing.memory;
    if (next === chunk.length) {
      this._report(landing.memory, count);
    } else {
      this._batch = new Batch(landing.memory, count, RESUME, next);
      this._batch.resumeIn(chunk);
    }
  }

  /** Somebody else reads from now on: what has arrived of a long message is the session's. */
  _stopLanding() {
    if (this._landing === null) return;
    native.cancelLanding(this._id, this._landing.memory);
    this._landing = null;
  }

  /**
   * The slab, of which the first `length` bytes are this driver's, will be overwritten: what is
   * left of them is copied. Returns whether what follows must come through `parse`: behind events of a
   * listener that threw or runs the event loop, a message that is inflated on another thread, or the
   * first of a long one.
   *
   * @param {number} length
   * @returns {boolean}
   */
  _leaveSlab(length) {
    if (!this._isBehind) return this._landing !== null;
    this._leaveMemory(slab.subarray(0, length));
    return true;
  }

  /**
   * `chunk` may be overwritten or transferred from now on: what is left of it is copied.
   *
   * @param {Buffer} chunk
   */
  _leaveMemory(chunk) {
    const { _batch: batch, _held: held, _queued: queued } = this;
    if (batch !== null) batch.leave(chunk);
    if (held !== null && isPartOf(held, chunk)) this._held = Buffer.from(chunk);
    if (queued === null) return;
    for (let i = 0; i < queued.length; i++) {
      if (isPartOf(queued[i], chunk)) queued[i] = Buffer.from(chunk);
    }
  }

  /**
   * A message takes long to inflate: that happens on another thread, and reading goes on later.
   *
   * @param {Buffer} chunk
   * @param {number} from where parsing goes on
   */
  _inflateAsync(chunk, from) {
    this._held = chunk;
    // Out of the promise: what listeners throw is theirs to catch.
    native.inflateAsync(this._id).then(() => process.nextTick(() => this._readOn(from)));
  }

  /**
   * Parses what waited for a message to be inflated.
   *
   * @param {number} from
   */
  _readOn(from) {
    const chunk = this._held;
    this._held = null;
    const outer = running.driver;
    running.driver = this;
    this._depth++;
    try {
      this._parse(chunk, from);
      this._drain();
    } finally {
      running.driver = outer;
      if (this._isBehind) this._leaveMemory(chunk);
      if (--this._depth === 0 || this._owner === null) this.flush();
      if (this._held === null) this._goOn();
    }
  }

  /** Nothing is held any more; chunks are left when a listener threw. */
  _goOn() {
    if (this._queued !== null) {
      this._held = this._queued.shift();
      if (this._queued.length === 0) this._queued = null;
      process.nextTick(() => this._readOn(0));
    } else if (!this.io._paused) {
      if (this._direct !== null) this._direct.resume();
      this.io.emit('drain');
    }
  }

  /**
   * @param {Buffer} chunk
   * @param {number} from
   */
  _receive(chunk, from) {
    if (this._id === RELEASED) return;
    this._report(chunk, native.receive(this._id, chunk, from));
  }

  /**
   * Takes what the native side has reported of a chunk.
   *
   * @param {Buffer} chunk
   * @param {number} count events in `spans`
   */
  _report(chunk, count) {
    const status = spans[0];
    this._pending = spans[2];
    this._isExact = true;
    if (count === 1 && status === Status.NEED_MORE) {
      this._dispatch(spans[HEADER_INTS], spans[HEADER_INTS + 1], spans[HEADER_INTS + 2], chunk);
    } else if (count > 0 || status !== Status.NEED_MORE) {
      this._batch = new Batch(chunk, count, status, spans[1]);
    }
  }

  /** Dispatches and parses what is there, unless it has to wait for a message to be inflated. */
  _drain() {
    for (;;) {
      const { _batch: batch } = this;
      if (batch === null) {
        if (this._queued === null || this._held !== null) return;
        this._parseQueued();
        continue;
      }
      const { events, next, status } = batch;
      if (batch.isTorn) {
        this._lose();
      } else if (next < events.length) {
        batch.next = next + 3;
        this._dispatch(events[next], events[next + 1], events[next + 2], batch.chunk);
      } else if (status === Status.NEED_MORE) {
        this._batch = null;
      } else if (status === RESUME) {
        this._batch = null;
        this._receive(batch.source, batch.consumed);
      } else if (status === Status.LANDING) {
        this._batch = null;
        this._land(batch);
      } else if (status === Status.BUSY) {
        this._batch = null;
        this._inflateAsync(batch.source, batch.consumed);
      } else {
        batch.status = RESUME;
        if (status === Status.HANDSHAKE) this._completeHandshake();
        else this._settle();
      }
    }
  }

  /** Parses the chunk that has waited longest. */
  _parseQueued() {
    const chunk = this._queued.shift();
    if (this._queued.length === 0) this._queued = null;
    this._parse(chunk, 0);
  }

  /** Whoever else has the memory of a chunk has transferred it: what was in it cannot be known any more. */
  _lose() {
    this._batch = this._queued = null;
    native.failSession(this._id, 1011, 'The memory of received bytes was transferred before they were read');
    this._settle();
  }

  /**
   * Tells listeners of one event.
   *
   * @param {number} code a `Kind` and what follows above it, see ./session
   * @param {number} offset bytes
   * @param {number} length bytes
   * @param {Buffer} chunk what the event points into, unless its payload is in scratch memory
   */
  _dispatch(code, offset, length, chunk) {
    if (this._inputEnded) return;
    switch (code & KIND_BITS) {
      case Kind.TEXT_ASCII:
        if (this.readyState > 1) return;
        return this._deliver(code & SCRATCH_BIT
          ? native.scratchText(this._id, offset, length)
          : chunk.latin1Slice(offset, offset + length));
      case Kind.TEXT_UTF8:
        if (this.readyState > 1) return;
        if (length >= LONG_TEXT) return this._deliver(decodeText(this._payload(code, offset, length, chunk)));
        // Falls through.
      case Kind.TEXT_LENIENT:
        if (this.readyState > 1) return;
        return this._deliver(code & SCRATCH_BIT
          ? native.scratchText(this._id, offset, length)
          : chunk.utf8Slice(offset, offset + length));
      case Kind.BINARY:
        if (this.readyState > 1) return;
        return this._deliver(this._payload(code, offset, length, chunk));
      case Kind.ENCODED: {
        if (this.readyState > 1) return;
        const opcode = code >> OPCODE_SHIFT & 15;
        return this._extensions.decode(opcode, code >> RSV_SHIFT & 7, this._payload(code, offset, length, chunk));
      }
      case Kind.PING:
        return this._receivePing(this._payload(code, offset, length, chunk));
      case Kind.PONG:
        return this._receivePong(this._payload(code, offset, length, chunk));
    }
  }

  /**
   * Memory for a payload that is nobody else's: from 4 KiB on an ArrayBuffer of its own, as the listener
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
      native.scratchBytes(this._id, offset, bytes);
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

  /** @param {string | Buffer} data */
  _deliver(data) {
    const { _messages: messages, _owner: owner } = this;
    if (messages !== null && messages.readable && messages.listenerCount('data') > 0) messages.emit('data', data);
    if (owner !== null) owner._receiveMessage(data);
    if (this._events !== undefined && this.listenerCount('message') > 0) this.emit('message', new MessageEvent(data));
  }

  /** @param {Buffer} payload */
  _receivePing(payload) {
    this._sendPong(payload);
    if (this.listenerCount('ping') > 0) this.emit('ping', new PingEvent(payload.toString()));
  }

  /** @param {Buffer} payload */
  _receivePong(payload) {
    if (this._owner !== null && this._owner._liveness !== null) this._owner._liveness.takePong(payload);
    if (this._pingCallbacks !== null) {
      const key = native.isUtf8(payload) ? payload.toString() : 'null';
      const callback = this._pingCallbacks.get(key);
      this._pingCallbacks.delete(key);
      if (callback) return sequence(callback, () => this._emitPong(payload));
    }
    this._emitPong(payload);
  }

  /** @param {Buffer} payload */
  _emitPong(payload) {
    if (this.listenerCount('pong') > 0) this.emit('pong', new PongEvent(payload.toString()));
  }

  /**
   * A peer that pings and never reads must not make us collect its pongs.
   *
   * @param {Buffer} payload
   */
  _sendPong(payload) {
    if (this.readyState > 2) return;
    if (this._congested) {
      if (this._unsentPongs >= MAX_UNSENT_PONGS) {
        this._lastPong = payload;
        return;
      }
      this._unsentPongs++;
    }
    this._write(Opcode.pong, payload);
  }

  // ---- handshake and close

  /** The handshake is complete: tells the owner and listeners, and sends what was queued. */
  _open() {
    this.readyState = 1;
    native.openSession(this._id);
    if (this._headers !== null) this._headers = null;
    if (this._queue !== null) this._sendQueued();
    const { _owner: owner } = this;
    sequence(
      () => (owner === null ? this.flush() : owner._open()),
      () => this.emit('open', new OpenEvent()));
  }

  /** Sends the frames that were queued before the connection was open. */
  _sendQueued() {
    const queue = this._queue;
    this._queue = null;
    for (const [data, type, code] of queue) this.frame(data, type, code);
  }

  /** @param {string} message */
  _emitError(message) {
    const { _messages: messages, _owner: owner } = this;
    const error = new Error(message);
    sequence(
      () => messages !== null && messages._fail(error),
      () => owner !== null && owner._emitError(message),
      () => this.listenerCount('error') > 0 && this.emit('error', error));
  }

  /**
   * @param {number | null | undefined} code
   * @param {string | null | undefined} reason
   */
  _emitClose(code, reason) {
    const { _owner: owner } = this;
    sequence(
      () => this._finish(),
      () => owner !== null && owner._beginClose(reason, code),
      () => this.emit('close', new CloseEvent(code, reason)));
  }

  /**
   * @param {string} message
   * @param {number} code
   * @param {string} reason
   */
  _emitErrorAndClose(message, code, reason) {
    sequence(() => this._emitError(message), () => this._emitClose(code, reason));
  }

  /** There will be no more messages. */
  _finish() {
    this._isFinished = true;
    if (this._messages !== null) this._messages._finish();
  }

  /** The peer has ended: what is left behind a listener that threw would wait for another chunk for ever. */
  _deliverRest() {
    while (this._isBehind && this._held === null && !this.io._paused) {
      try {
        this.parse(EMPTY);
      } catch (error) {
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }

  /** Acts on a verdict of the native side, unless a listener closed the connection before. */
  _settle() {
    const verdict = native.settle(this._id);
    if (verdict === null) return;
    this._inputEnded = true;
    this._shutdown(verdict.code, verdict.reason, verdict.failed);
  }

  /**
   * Begins the closing handshake.
   *
   * @param {string} [reason]
   * @param {number} [code] 1000 when left out
   * @returns {boolean} false when it has begun before
   */
  close(reason, code) { // eslint-disable-line no-unused-vars
    return false;
  }

  /** The socket is gone: what is queued is handed over for the last time. */
  detach() {
    this.flush();
    this._release();
  }

  /** Forgets what has not been handed to the socket, and reads no more. */
  discard() {
    if (this._direct !== null) this._direct.clearDirty();
    this._frames = this._only = this._queue = null;
    this._framed = this._pending = 0;
    this._release();
  }

  /**
   * Fails the connection because of what waits for the peer.
   *
   * @param {number} code
   * @param {string} reason
   */
  _failSlowPeer(code, reason) {
    if (this.readyState > 1 || this._owner === null) return;
    if (this.readyState === 1 && this._fail !== undefined) return this._fail(code, reason);
    sequence(
      () => this._owner._emitError(reason),
      () => (this.readyState === 1 ? this.close() : this._owner._beginClose(reason, code)));
  }

  /** Gives the native session's memory back; nothing is read or written any more. */
  _release() {
    if (this._direct !== null) this._direct.giveBack();
    else if (this._aside !== null) this._aside.giveBack();
    if (this._registry !== null) this._registry.unregister(this);
    strike(this);
    if (this._id !== RELEASED) {
      native.releaseSession(this._id);
      connectionEnds();
    }
    this._id = RELEASED;
    this._pending = 0;
    this._frames = this._only = null;
    this._framed = 0;
    this._landing = this._queued = null;
    this._inputEnded = true;
  }

  // ---- output

  /**
   * Sends a message of the owner's, as `messages.write` does.
   *
   * @param {string | Buffer} message
   * @returns {boolean} false when it was not sent, or when the socket has more to write than it wants
   */
  _send(message) {
    if (this._messages !== null) return this._messages.write(message);
    return !this._isFinished && this._sendNow(message);
  }

  /**
   * @param {string | Buffer} message
   * @returns {boolean}
   */
  _sendNow(message) {
    if (this._backpressure !== null) {
      if (this._backpressure.refuses(this)) return false;
      if (this.readyState < 1) this._backpressure.queue(message);
    }
    if (typeof message === 'string') this.text(message);
    else this.binary(message);
    return !this._congested;
  }

  /**
   * Sends one frame, or queues it until the connection is open.
   *
   * @param {any} data text, bytes, or a number that is sent as text
   * @param {FrameType} [type] by default that of the data
   * @param {number} [code] of a close frame
   * @returns {boolean} false when the connection is closed
   */
  frame(data, type, code) { // eslint-disable-line no-unused-vars
    return false;
  }

  /**
   * @param {any} message
   * @returns {boolean}
   */
  text(message) {
    return this.frame(message);
  }

  /**
   * @param {any} message
   * @returns {boolean}
   */
  binary(message) { // eslint-disable-line no-unused-vars
    return false;
  }

  /**
   * Sends a ping.
   *
   * @param {any} [message] at most 125 bytes, RFC 6455 section 5.5
   * @param {() => void} [callback] runs when a pong with these bytes comes
   * @returns {boolean} false when nothing was sent
   */
  ping(message, callback) { // eslint-disable-line no-unused-vars
    return false;
  }

  /**
   * Sends a pong that nobody has asked for (RFC 6455 section 5.5.3).
   *
   * @param {any} [message] at most 125 bytes
   * @returns {boolean} false when nothing was sent
   */
  pong(message) { // eslint-disable-line no-unused-vars
    return false;
  }

  /** The socket has written what it held: senders may go on. The socket's 'drain' calls it, through `io.resume`. */
  _drained() {
    this._congested = false;
    this._unsentPongs = 0;
    if (this._lastPong !== null) {
      const payload = this._lastPong;
      this._lastPong = null;
      this._sendPong(payload);
    }
    const { _owner: owner, _messages: messages } = this;
    if (messages === null) {
      if (owner !== null) owner.emit('drain');
    } else {
      sequence(() => owner !== null && owner.emit('drain'), () => messages.emit('drain'));
    }
  }
}

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

Object.assign(Driver.prototype, defaults);

module.exports = Driver;
