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
 * One connection: its native session, which has the rules of the protocol, and the order in which JavaScript is told of
 * events. It owns three parts, `_input`, `_output` and, until the connection is open, `_handshake`, and tells them what
 * reads and writes the socket. The methods that differ between versions of the protocol, `ProtocolVersion` of
 * ../contracts.d.ts, are defined by the classes that extend this one, ./hybi and ./hixie.
 *
 * Events: open, message, error, close, ping, pong. An owner (see `attach`) is told before listeners.
 */
class Driver extends /** @type {new () => EventEmitter & ProtocolVersion} */ (LazyEmitter) {
  /**
   * @param {number} session number of the native session, which the driver releases
   * @param {IncomingMessage | null} request of a server's connection
   * @param {string | URL} url
   */
  constructor(session, request, url) {
    super();
    this._request = request;
    this.url = url;
    /** -1 before a client's request, 0 connecting, 1 open, 2 closing, 3 closed. */
    this.readyState = 0;
    /** The driver's side towards the socket: a stream of bytes. */
    this.io = new IO(this);

    /** The number of the native session; `RELEASED` once it was released. */
    this._id = session;
    connectionBegins();
    /** @type {Owner | null} */
    this._owner = null;
    /** @type {DirectSocket | null} reads and writes the socket past its stream; null while the stream does */
    this._direct = null;
    /** @type {StreamHandle | null} handle of a server's socket, from the tick after the constructor on; see ../socket/handle_transfer */
    this._handle = null;

    this._input = new Input(this);
    this._output = new Output(this);
    /** @type {Handshake | null} null once the connection is open, and input that came before that was delivered */
    this._handshake = null;

    // Declared, not set: these begin on the prototype.
    /** @type {Messages | null} the stream of messages; null before its first use */
    this._messages;
    /** @type {Backpressure | null} the limit on output that waits for the peer; null without a limit */
    this._backpressure;
  }

  /**
   * The driver's side towards the application: a stream of messages. An owner does not need it.
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
   * Sets the owner: its methods `_open`, `_receiveMessage`, `_emitError` and `_beginClose` are called before listeners of
   * the driver's events. With an owner, the output of a turn is gathered into one write.
   *
   * @param {Owner} owner
   */
  attach(owner) {
    this._owner = owner;
  }

  /**
   * Limits what the peer may send, and output that waits for it: see ../peer_limits. Called by the owner, once, before the
   * handshake.
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
   * @param {unknown} value converted to text
   * @returns {boolean} false when our half was sent already
   * @throws {TypeError} for CR, LF or NUL
   */
  setHeader(name, value) {
    if (this.readyState > 0) return false;
    /** @type {Handshake} */ (this._handshake).setHeader(name, value);
    return true;
  }

  /**
   * Sends our half of the handshake. A server's WebSocket calls it in the tick after its constructor, when its user has
   * added listeners; a client when the socket, or the tunnel through a proxy, is connected.
   *
   * @param {Uint8Array} [body] bytes that came behind a server's request, before those that the socket still holds
   * @param {(driver: Driver) => void} [onAccept] called before a server writes the response that accepts the request
   * @returns {boolean} false when it was sent before, or the handshake fails
   */
  start(body, onAccept) {
    return this._handshake !== null && this._handshake.start(body, onAccept);
  }

  /** The handshake is complete: sends frames that were queued, and tells the owner and listeners. */
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
   * Takes bytes of the peer: see `parse` of ./input.
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

  /** Closes or fails the connection after a verdict of the native session, unless a listener has closed it before. */
  _settle() {
    const verdict = native.settle(this._id);
    if (verdict === null) return;
    this._input.end();
    this._shutdown(verdict.code, verdict.reason, verdict.failed);
  }

  // ---- output

  /**
   * Sends a message for the owner, as `messages.write` does.
   *
   * @param {string | Buffer} message
   * @returns {boolean} false when it was not sent, or the socket is over its high-water mark
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
   * Calls `then` when earlier messages were framed: compression, plug-ins or a message that is being streamed may delay
   * them.
   *
   * @param {() => void} then
   */
  _afterQueued(then) {
    then();
  }

  /** Writes output that waits for the end of the turn, at once. */
  flush() {
    this._output.flush();
  }

  /** The socket has drained: senders may go on. Called by the socket's 'drain', through `io.resume`. */
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
   * Bytes for the peer that neither the socket's stream nor the system has got.
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
   * Fails the connection because too much output waits for the peer.
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

  /** The socket ends: its stream gets the output that waits, and the session is released. */
  detach() {
    this._output.flush();
    this._release();
  }

  /** Drops the output that waits, stops reading, and releases the session. */
  discard() {
    this._output.discard();
    if (this._handshake !== null) this._handshake.discard();
    this._release();
  }

  /** Releases the native session; nothing is read or written any more. */
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

// Fields that most connections never set: they use no memory on the prototype.

Driver.prototype.version = 'hybi-13';
/** Whether the connection ends while the peer may still be sending: see ../faye/websocket/linger. */
Driver.prototype._awaitsEnd = false;
/** Whether the connection is a stream of HTTP/2. */
Driver.prototype.isOverHttp2 = false;
/** @type {string | null | undefined} the subprotocol that was agreed on */
Driver.prototype.protocol = undefined;
/** @type {DirectSocket | null} the direct socket that has stepped aside: the stream reads in its place */
Driver.prototype._aside = null;
Driver.prototype._messages = null;
/** Whether there will be no more messages. */
Driver.prototype._isFinished = false;
Driver.prototype._backpressure = null;
/** Whether what the peer sends in a second is limited. */
Driver.prototype._isRated = false;
/** @type {FinalizationRegistry<number> | null} the registry that releases the session when the driver is collected, see ./release_on_gc */
Driver.prototype._registry = null;

module.exports = Driver;
