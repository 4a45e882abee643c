'use strict';

/**
 * @import { EventEmitter } from 'events'
 * @import { IncomingMessage } from 'http'
 * @import { DirectSocket, Handshake, Owner, ProtocolVersion, StreamHandle } from '../contracts'
 * @import { PeerLimits } from '../peer_limits'
 */

const Backpressure = require('./backpressure');
const { LazyEmitter } = require('./emitter');
const { OpenEvent, MessageEvent, CloseEvent } = require('./events');
const Input = require('./input');
const { strike } = require('./open_drivers');
const Output = require('./output');
const { native, RELEASED } = require('./session');
const { IO, Messages } = require('./streams');
const { hasListeners } = require('../socket/node_internals');
const { sequence, sequenceOf } = require('../sequence');
const { connectionBegins, connectionEnds } = require('../flush_scheduler');

/** By `readyState`. */
const STATES = ['connecting', 'open', 'closing', 'closed'];

/**
 * One connection: the native session that knows the protocol, and around it the order in which
 * JavaScript sees things happen. It owns three parts, `_input`, `_output` and, until the connection is open,
 * `_handshake`, and tells them who reads and writes the socket. What the versions of the protocol differ in, `ProtocolVersion`
 * of ../contracts.d.ts, is defined by those that extend it, ./hybi and ./hixie.
 *
 * Events: open, message, error, close, ping, pong. An owner (see `attach`) is told first.
 */
class Driver extends /** @type {new () => EventEmitter & ProtocolVersion} */ (LazyEmitter) {
  /**
   * @param {number} session number of the native session; the driver gives it back
   * @param {IncomingMessage | null} request of a server's connection
   * @param {string | URL} url
   */
  constructor(session, request, url) {
    super();
    this._request = request;
    this.url = url;
    /** -1 before a client's request, 0 connecting, 1 open, 2 closing, 3 closed. */
    this.readyState = 0;
    /** The wire side. */
    this.io = new IO(this);

    /** The number of the native session; it is this driver's to give back. */
    this._id = session;
    connectionBegins();
    /** @type {Owner | null} */
    this._owner = null;
    /** @type {DirectSocket | null} what reads and writes the socket past its stream, while it does */
    this._direct = null;
    /** @type {StreamHandle | null} of a server's socket, once it is known whether Node reads it; see ../socket/handle_transfer */
    this._handle = null;

    this._input = new Input(this);
    this._output = new Output(this);
    /** @type {Handshake | null} until the connection is open, and what came before that is delivered */
    this._handshake = null;

    // Declared, not set: these begin on the prototype.
    /** @type {Messages | null} the stream of messages, once somebody has asked for it */
    this._messages;
    /** @type {Backpressure | null} how much may wait for the peer, where that is limited */
    this._backpressure;
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
  limit({ maxBackpressure, onBackpressure, maxFragments, maxMessageRate, maxPingRate, streamAbove }) {
    if (streamAbove !== undefined) native.streamSession(this._id, streamAbove);
    if (maxBackpressure !== undefined) {
      this._backpressure = new Backpressure(maxBackpressure, onBackpressure === 'drop');
    }
    if (maxFragments !== undefined || maxMessageRate !== undefined || maxPingRate !== undefined) {
      native.restrictSession(this._id, maxFragments, maxMessageRate, maxPingRate);
    }
    if (maxMessageRate !== undefined || maxPingRate !== undefined) this._isRated = true;
  }

  /** @returns {string | null} connecting, open, closing or closed */
  getState() {
    return STATES[this.readyState] || null;
  }

  // ---- handshake

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
    /** @type {Handshake} */ (this._handshake).setHeader(name, value);
    return true;
  }

  /**
   * Sends our half of the handshake. The WebSocket calls it when its user can have added listeners, and a client's
   * when the socket, or the tunnel through a proxy, stands.
   *
   * @param {Uint8Array} [body] what came with a server's request, before anything that the socket still holds
   * @param {(driver: Driver) => void} [onAccept] called before a server's answer is written that accepts the request
   * @returns {boolean} false when it was sent before, or cannot be
   */
  start(body, onAccept) {
    return this._handshake !== null && this._handshake.start(body, onAccept);
  }

  /** The handshake is complete: tells the owner and listeners, and sends what was queued. */
  _open() {
    const handshake = /** @type {Handshake} */ (this._handshake);
    this.readyState = 1;
    native.openSession(this._id);
    if (!handshake.holdsInput) this._handshake = null;
    handshake.sendQueued();
    sequenceOf(this, OPEN);
  }

  // ---- input

  /**
   * Takes bytes of the peer; as of Input.
   *
   * @param {any} chunk
   */
  parse(chunk) {
    if (this._handshake === null || !this._handshake.keeps(chunk)) this._input.parse(chunk);
  }

  /** @param {string | Buffer} data */
  _deliver(data) {
    const { _messages: messages, _owner: owner } = this;
    if (messages !== null && messages.readable && messages.listenerCount('data') > 0) messages.emit('data', data);
    if (owner !== null) owner._receiveMessage(data);
    if (hasListeners(this) && this.listenerCount('message') > 0) this.emit('message', new MessageEvent(data));
  }

  /** Acts on a verdict of the native side, unless a listener closed the connection before. */
  _settle() {
    const verdict = native.settle(this._id);
    if (verdict === null) return;
    this._input.end();
    this._shutdown(verdict.code, verdict.reason, verdict.failed);
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
    return !this._output.isCongested;
  }

  /**
   * Runs `then` when the messages that were sent before have come out of what delays them.
   *
   * @param {() => void} then
   */
  _afterQueued(then) {
    then();
  }

  /** Hands what was said to the socket, at once. */
  flush() {
    this._output.flush();
  }

  /** The socket has written what it held: senders may go on. The socket's 'drain' calls it, through `io.resume`. */
  _drained() {
    this._output.drained();
    const { _owner: owner, _messages: messages } = this;
    if (messages === null) {
      if (owner !== null) owner.emit('drain');
    } else {
      sequence(() => owner !== null && owner.emit('drain'), () => messages.emit('drain'));
    }
  }

  /**
   * Bytes for the peer that were not handed to the socket's stream or the system.
   *
   * @returns {number}
   */
  get _unsent() {
    return this._output.unsent;
  }

  // ---- errors and the end

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
    sequenceOf(this, CLOSE, new CloseEvent(code, reason));
  }

  /** There will be no more messages. */
  _finish() {
    this._isFinished = true;
    if (this._messages !== null) this._messages._finish();
  }

  /**
   * Fails the connection because of what waits for the peer.
   *
   * @param {number} code
   * @param {string} reason
   */
  _failSlowPeer(code, reason) {
    const { _owner: owner } = this;
    if (this.readyState > 1 || owner === null) return;
    if (this.readyState === 1) this._fail(code, reason);
    else sequence(() => owner._emitError(reason), () => owner._beginClose(reason, code));
  }

  /** The socket is gone: what is queued is handed over for the last time. */
  detach() {
    this._output.flush();
    this._release();
  }

  /** Forgets what has not been handed to the socket, and reads no more. */
  discard() {
    this._output.discard();
    if (this._handshake !== null) this._handshake.discard();
    this._release();
  }

  /** Gives the native session's memory back; nothing is read or written any more. */
  _release() {
    if (this._direct !== null) this._direct.returnToStream();
    else if (this._aside !== null) this._aside.returnToStream();
    if (this._registry !== null) this._registry.unregister(this);
    strike(this);
    if (this._id !== RELEASED) {
      native.releaseSession(this._id);
      connectionEnds();
    }
    this._id = RELEASED;
    this._output.release();
    this._input.release();
  }
}

/** @type {((driver: Driver) => void)[]} */
const OPEN = [
  (driver) => (driver._owner === null ? driver._output.flush() : driver._owner._open()),
  (driver) => driver.emit('open', new OpenEvent()),
];

/** @type {((driver: Driver, event: CloseEvent) => void)[]} */
const CLOSE = [
  (driver) => driver._finish(),
  ({ _owner: owner }, { code, reason }) => owner !== null && owner._beginClose(reason, code),
  (driver, event) => driver.emit('close', event),
];

// What most connections never need.

Driver.prototype.version = 'hybi-13';
/** Whether the connection ends before the peer has said that it sends no more. */
Driver.prototype._awaitsEnd = false;
/** Whether the connection is a stream of HTTP/2. */
Driver.prototype.isOverHttp2 = false;
/** @type {string | null | undefined} the subprotocol that was agreed on */
Driver.prototype.protocol = undefined;
/** @type {DirectSocket | null} what reads past the stream, while the stream reads in its place */
Driver.prototype._aside = null;
Driver.prototype._messages = null;
/** Whether there will be no more messages. */
Driver.prototype._isFinished = false;
Driver.prototype._backpressure = null;
/** Whether what the peer sends in a second is limited. */
Driver.prototype._isRated = false;
/** @type {FinalizationRegistry<number> | null} where the driver is registered, see ./release_on_gc */
Driver.prototype._registry = null;

module.exports = Driver;
