'use strict';

/**
 * @import { AnyDriver, ByteStream, Extension, HandshakeOptions, SystemError, WebSocketFields } from '../../contracts'
 */

const { Stream } = require('stream');
const { inherits } = require('util');

const { claim, driverOf, ended, failed, keepOrder } = require('../../driver/socket_pipe');
const { ABNORMAL_CLOSURE } = require('../../driver/close_code');
const { Deflate, readOptions } = require('../../driver/deflate');
const { endStream } = require('../../http2/stream');
const { livenessOf } = require('../../liveness');
const { sequence, sequenceOf } = require('../../sequence');
const { setTimeLimit } = require('../../time_limit');
const { catchErrors, listenersOf } = require('../../socket/node_internals');
const additions = require('./additions');
const Event = require('./api/event');
const EventTarget = require('./api/event_target');
const states = require('./ready_state');
const binary = require('./binary_type');
const { sendAndCall, undelivered } = require('./deliveries');
const { channels, tell } = require('./insight');
const { LINGER_TIMEOUT, awaitsEnd, linger } = require('./linger');
const topics = require('./topics');

/**
 * The interface that servers' and clients' WebSockets have in common: that of a duplex stream of messages, in the style
 * of `stream.Stream`, and that of the DOM's WebSocket.
 *
 * Called by the constructors of both only, when `_stream` and `_driver` are set and `options` are validated.
 *
 * @this {import('../../contracts').WebSocketFields}
 * @param {import('../../../index').Options} options
 * @param {import('../../peer_limits').PeerLimits | null} limits
 */
function API(options, limits) {
  if (options.binaryType) binary.setBinaryType(this, options.binaryType);
  this.readable = this.writable = true;

  this.readyState = API.CONNECTING;
  Object.defineProperty(this, 'bufferedAmount', bufferedAmount);
  this.protocol = '';
  this.url = this._driver.url;
  this.version = this._driver.version;

  // 'error' is informational: an emitter without a listener for it must not throw.
  catchErrors(this, ignore);

  if (options.ping) this._ping = options.ping;
  const liveness = livenessOf(this, options.ping, limits);
  if (liveness !== null) this._liveness = liveness;

  this._driver.attach(this);
  if (limits !== null) {
    if (limits.closeTimeout !== undefined) this._closeTimeout = limits.closeTimeout * 1000;
    this._driver.limit(limits);
  }
}
inherits(API, Stream);

API.CONNECTING = states.CONNECTING;
API.OPEN = states.OPEN;
API.CLOSING = states.CLOSING;
API.CLOSED = states.CLOSED;

/** Time, in milliseconds, for the peer to answer our close frame. */
API.CLOSE_TIMEOUT = 30000;

/** Bytes that `send` has accepted, and the operating system has not taken yet. */
const bufferedAmount = {
  /** @this {WebSocketFields} */
  get() {
    const { _stream: stream, _driver: driver } = this;
    return driver._unsent + (stream && stream.writableLength || 0);
  },
  set() {},
  enumerable: true,
  configurable: true,
};

function ignore() {}

/**
 * The event of a message, with the fields that `Event` and `dispatchEvent` would set one by one: messages are too many for
 * that. Its prototype is that of every event.
 *
 * @this {any}
 * @param {object} socket
 * @param {unknown} data
 */
function MessageEvent(socket, data) {
  this.type = 'message';
  this.data = data;
  this.bubbles = false;
  this.cancelable = false;
  this.currentTarget = socket;
  this.target = socket;
  this.eventPhase = Event.AT_TARGET;
}
MessageEvent.prototype = Event.prototype;

/** @type {ThisType<import('../../contracts').WebSocketFields> & { [name: string]: Function }} */
const methods = {
  /**
   * @param {unknown} data
   * @returns {boolean}
   */
  write(data) {
    return this.send(data);
  },

  /** @param {unknown} [data] */
  end(data) {
    if (data !== undefined) this.send(data);
    this.close();
  },

  /** Stops reading; messages of the chunk that is being dispatched are still delivered. */
  pause() {
    return this._driver.messages.pause();
  },

  resume() {
    return this._driver.messages.resume();
  },

  /**
   * See ../../../index.d.ts for this method and those below.
   *
   * @param {any} data
   * @param {(error?: Error | null) => void} [callback]
   * @returns {boolean}
   */
  send(data, callback) {
    if (this.readyState > API.OPEN) {
      if (typeof callback === 'function') process.nextTick(callback, undelivered());
      return false;
    }
    if (typeof data !== 'string' && !(data instanceof Buffer)) {
      data = this._binaryType === undefined ? String(data) : binary.messageOf(data);
      if (typeof callback !== 'function') return binary.sendMessage(this, data);
    }
    return typeof callback === 'function' ? sendAndCall(this, data, callback) : this._driver._send(data);
  },

  /**
   * @param {any} [message]
   * @param {() => void} [callback]
   * @returns {boolean}
   */
  ping(message, callback) {
    if (this.readyState > API.OPEN) return false;
    return this._driver.ping(message, callback);
  },

  /**
   * @param {number} [code]
   * @param {string} [reason]
   * @throws {Error} for another code than 1000 and 3000 to 4999
   */
  close(code, reason) {
    if (code === undefined) code = 1000;
    if (reason === undefined) reason = '';

    if (code !== 1000 && (code < 3000 || code > 4999)) {
      throw new Error("Failed to execute 'close' on WebSocket: " +
        `The code must be either 1000, or between 3000 and 4999. ${code} is neither.`);
    }

    this._leave(code, reason);
  },

  /**
   * Applies the options that concern the handshake; the constructors call it.
   *
   * @param {HandshakeOptions} options
   * @throws {TypeError | RangeError | Error} for a value of another type or out of range
   */
  _configureDriver({ headers, extensions, deflate, nativeDeflate }) {
    const driver = this._driver;
    if (nativeDeflate !== undefined && typeof nativeDeflate !== 'boolean') {
      throw new TypeError('nativeDeflate must be true or false');
    }
    for (const name in headers) driver.setHeader(name, headers[name]);
    const settings = readOptions(deflate);
    if (settings !== null) driver.addExtension(new Deflate(settings));
    const plugins = extensions ? /** @type {Extension[]} */ ([]).concat(extensions) : [];
    for (const extension of plugins) driver.addExtension(extension);
  },

  /** Adds listeners to `_stream`; called again when a client has TLS made through a proxy, which is another stream. */
  _configureStream() {
    const stream = this._stream;
    // Since Node.js 26 the socket of a request whose body has not arrived is a Duplex without these methods.
    stream.setTimeout?.(0);
    stream.setNoDelay?.(true);

    if (claim(stream, this._driver)) {
      stream.on('close', onClose);
      stream.on('end', onEnd);
      stream.on('error', onError);
    } else {
      stream.on('close', () => onStreamClose(this));
      stream.on('end', () => onStreamEnd(this, stream));
      stream.on('error', (error) => onStreamError(this, stream, error));
    }
    keepOrder(stream, this._driver);
  },

  /** The driver's handshake is complete. */
  _open() {
    if (this.readyState !== API.CONNECTING) return;
    this.readyState = API.OPEN;
    this.protocol = this._driver.protocol || '';
    if (this._liveness !== null) this._liveness.begin();
    if (this._deliveries !== null) this._deliveries.begin();
    if (channels.open.hasSubscribers) tell('open', this);

    const event = new Event('open');
    event.initEvent('open', false, false);
    this.dispatchEvent(event);
  },

  /** @param {string | Buffer} data */
  _receiveMessage(data) {
    if (this.readyState > API.OPEN) return false;
    // `emit` is called only where it has listeners, or was replaced.
    const listeners = listenersOf(this);
    if (this.readable && (listeners === null || listeners.data !== undefined)) this.emit('data', data);

    const { _binaryType: form } = this;
    const event = new MessageEvent(this, form === undefined || typeof data === 'string' ? data : binary.inForm(data, form));
    if (this.dispatchEvent !== EventTarget.dispatchEvent) {
      this.dispatchEvent(event);
      return;
    }
    if (this.onmessage) this.onmessage(event);
    const others = listenersOf(this);
    if (others === null || others.message !== undefined) this.emit('message', event);
  },

  /** @param {string} message */
  _emitError(message) {
    if (this.readyState >= API.CLOSING) return;
    if (channels.error.hasSubscribers) tell('error', this, { message });

    const event = new Event('error', { message });
    event.initEvent('error', false, false);
    this.dispatchEvent(event);
  },

  /**
   * The closing handshake is over, or there will be none: the socket is ended, and 'close' follows.
   *
   * @param {string} reason
   * @param {number} code
   */
  _beginClose(reason, code) {
    if (this.readyState === API.CLOSED) return;
    this.readyState = API.CLOSING;
    this._closeParams = [reason, code];

    if (this._stream) sequenceOf(this, BEGIN_CLOSE);
  },

  /** The connection is over: releases the driver, ends the stream and emits 'end' and 'close', once. */
  _finalizeClose() {
    if (this.readyState === API.CLOSED) return;
    this.readyState = API.CLOSED;

    if (this._closeTimer) clearTimeout(this._closeTimer);
    if (this._liveness !== null) this._liveness.end();
    if (this._topics !== null) topics.unsubscribeAll(this);
    sequenceOf(this, FINALIZE_CLOSE);
  },
};

/**
 * Methods for the driver and for each other that the original does not have: not enumerable.
 *
 * @type {ThisType<import('../../contracts').WebSocketFields> & { [name: string]: Function }}
 */
const internals = {
  /**
   * Emits an event for a ping or pong of the peer.
   *
   * @param {'ping' | 'pong'} type
   * @param {Buffer} payload which is copied for listeners
   */
  _announce(type, payload) {
    if (channels[type].hasSubscribers) tell(type, this, { data: Buffer.from(payload) });
    if (this.listenerCount(type) === 0 && !(/** @type {any} */ (this)[`on${type}`])) return;
    const event = new Event(type, { data: Buffer.from(payload) });
    event.initEvent(type, false, false);
    this.dispatchEvent(event);
  },

  /**
   * Offers a long message, of which the first bytes have arrived.
   *
   * @param {import('stream').Readable} stream
   * @param {boolean} binary
   * @returns {boolean} whether 'stream' has a listener
   */
  _receiveStream(stream, binary) {
    return this.emit('stream', stream, { binary });
  },

  /**
   * Begins the closing handshake, with any code; without the peer's close frame, it ends after `closeTimeout`.
   *
   * @param {number} code
   * @param {string} reason
   */
  _leave(code, reason) {
    if (this.readyState < API.CLOSING) {
      const timeout = this._closeTimeout === undefined ? API.CLOSE_TIMEOUT : this._closeTimeout;
      setTimeLimit(timeout, () => this._beginClose('', ABNORMAL_CLOSURE), (timer) => { this._closeTimer = timer; });
    }
    if (this.readyState !== API.CLOSED) this.readyState = API.CLOSING;

    this._driver.close(reason, code);
  },

  /**
   * Fails the connection without a closing handshake, also if a listener of 'error' throws.
   *
   * @param {string} message
   */
  _fail(message) {
    sequence(() => this._emitError(message), () => this._beginClose('', ABNORMAL_CLOSURE));
  },

  /**
   * The stream has failed.
   *
   * @param {string} text
   */
  _failStream(text) {
    failed(this._stream, this._driver);
    sequence(() => this._emitError(`Network error: ${this.url}: ${text}`), () => this._finalizeClose());
  },
};

Object.assign(API.prototype, methods, EventTarget);
for (const name in internals) {
  Object.defineProperty(API.prototype, name, { value: internals[name], writable: true, configurable: true });
}
Object.defineProperty(API.prototype, '_configureDriver', { enumerable: false });
Object.defineProperties(API.prototype, additions);
// Properties of WebSockets that most connections never set: they use no memory on the prototype.
for (const [name, value] of /** @type {[name: string, value: unknown][]} */ ([['_ping', undefined], ['_pingId', 0], ['_liveness', null], ['_topics', null], ['_closeTimeout', undefined],
  ['_binaryType', undefined], ['_deliveries', null],
  ['_role', 'server']])) {
  Object.defineProperty(API.prototype, name, { value, writable: true });
}

/**
 * Gives a class and its instances the constants of the states. The original has them on API alone; but its early releases
 * had them on all, and there is code that compares `ws.readyState` with `ws.OPEN`.
 *
 * @param {any} Class
 */
function nameStates(Class) {
  for (const name of /** @type {const} */ (['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'])) {
    if (Class !== API) Object.defineProperty(Class, name, { value: API[name] });
    Object.defineProperty(Class.prototype, name, { value: API[name] });
  }
}
nameStates(API);
Object.defineProperty(API, 'nameStates', { value: nameStates });

/** @type {((socket: WebSocketFields) => void)[]} the closing handshake is over, or there will be none */
const BEGIN_CLOSE = [
  (socket) => socket._driver.flush(),
  (socket) => {
    const { _stream: stream, _driver: driver } = socket;
    // On a stream of HTTP/2, the peer sees whether it was ended or destroyed.
    const lingers = stream.writableLength > 0 || driver.isOverHttp2 || awaitsEnd(stream, driver);
    if (lingers && socket._closeParams?.[1] !== ABNORMAL_CLOSURE) {
      socket._finalizeClose();
      return;
    }
    stream.destroy();
    if (!stream.readable) socket._finalizeClose();
  },
];

/** @type {((socket: WebSocketFields) => void)[]} the connection is over */
const FINALIZE_CLOSE = [
  (socket) => socket._driver.detach(),
  (socket) => socket._deliveries !== null && socket._deliveries.end(),
  ({ _stream: stream, _driver: driver }) => stream && (driver.isOverHttp2 ? endStream : linger)(stream, LINGER_TIMEOUT, driver),
  (socket) => socket.readable && socket.emit('end'),
  (socket) => {
    socket.readable = socket.writable = false;

    const [reason, code] = socket._closeParams || ['', ABNORMAL_CLOSURE];
    if (channels.close.hasSubscribers) tell('close', socket, { code, reason });
    const event = new Event('close', { code, reason });
    event.initEvent('close', false, false);
    socket.dispatchEvent(event);
  },
];

/**
 * The text of an error; of an AggregateError without a text, that of its first error.
 *
 * @param {any} error
 * @returns {string}
 */
function messageOf(error) {
  return error.message || (error.errors && error.errors[0] && error.errors[0].message) || '';
}

// ---- what happens to the stream

/**
 * The WebSocket of a stream that `_configureStream` has listened to.
 *
 * @param {ByteStream} stream
 * @returns {WebSocketFields}
 */
function socketOf(stream) {
  return /** @type {WebSocketFields} */ (/** @type {AnyDriver} */ (driverOf(stream))._owner);
}

/** @this {ByteStream} */
function onClose() {
  onStreamClose(socketOf(this));
}

/** @this {ByteStream} */
function onEnd() {
  onStreamEnd(socketOf(this), this);
}

/**
 * @this {ByteStream}
 * @param {SystemError} error
 */
function onError(error) {
  onStreamError(socketOf(this), this, error);
}

/** @param {WebSocketFields} socket */
function onStreamClose(socket) {
  socket._finalizeClose();
}

/**
 * @param {WebSocketFields} socket
 * @param {ByteStream} stream
 */
function onStreamEnd(socket, stream) {
  sequence(
    () => socket._driver._input.deliverRest(),
    // Where a TLS handshake has failed, 'end' comes before the 'error' that says why.
    () => !stream.errored && socket._finalizeClose(),
    () => ended(stream, socket._driver));
}

/**
 * @param {WebSocketFields} socket
 * @param {ByteStream} stream
 * @param {SystemError} error
 */
function onStreamError(socket, stream, error) {
  failed(stream, socket._driver);
  // A refusal of a proxy is no network error.
  const text = error.code === 'EPROXY' ? error.message : `Network error: ${socket.url}: ${messageOf(error)}`;
  sequence(() => socket._emitError(text), () => socket._finalizeClose());
}

module.exports = API;
