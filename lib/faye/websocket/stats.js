'use strict';

/** @import { WebSocketFields } from '../../contracts' */

const { performance } = require('perf_hooks');

const { OPEN } = require('./ready_state');

/** Most pings of which the time is kept until their pong comes; of more, the oldest is dropped. */
const MOST_PINGS = 16;

/** @typedef {import('../../../index').Stats} Stats */

/**
 * Counts what a connection carries from the first time that its `stats` are read. Its methods that send and receive messages
 * are wrapped then; those of other connections are not, so that counting costs them nothing.
 */
class Counters {
  /** @param {WebSocketFields} socket */
  constructor(socket) {
    this._socket = socket;
    this.messagesReceived = 0;
    this.messagesSent = 0;
    this.bytesReceived = 0;
    this.bytesSent = 0;
    /** @type {number | null} milliseconds */
    this.roundTripTime = null;
    /** @type {Map<string, number>} when pings were sent, by their payload */
    this._pings = new Map();

    this._countReceived(socket);
    this._countSent(socket._driver);
    this._timePings(socket._driver);
  }

  /** @param {any} socket */
  _countReceived(socket) {
    const { _receiveMessage } = socket;
    const counters = this;
    hide(socket, '_receiveMessage', /** @this {any} */ function (/** @type {string | Buffer} */ data) {
      if (this.readyState <= OPEN) {
        counters.messagesReceived++;
        counters.bytesReceived += Buffer.byteLength(data);
      }
      return _receiveMessage.call(this, data);
    });
  }

  /** @param {any} driver */
  _countSent(driver) {
    const { _sendNow } = driver;
    const counters = this;
    hide(driver, '_sendNow', /** @this {any} */ function (/** @type {string | Buffer} */ message) {
      const backpressure = this._backpressure;
      const refused = backpressure === null ? 0 : backpressure.refused;
      const isTaken = _sendNow.call(this, message);
      if (this.readyState <= OPEN && (backpressure === null || backpressure.refused === refused)) {
        counters.messagesSent++;
        counters.bytesSent += Buffer.byteLength(message);
      }
      return isTaken;
    });
    // A broadcast would not call `_sendNow`.
    hide(driver, '_joinsBroadcast', () => false);
  }

  /** @param {any} driver */
  _timePings(driver) {
    const { ping, _receivePong } = driver;
    const counters = this;
    hide(driver, 'ping', /** @this {any} */ function (/** @type {any[]} */ ...args) {
      const isSent = ping.apply(this, args);
      if (isSent) counters._notePing(String(args[0] || ''));
      return isSent;
    });
    hide(driver, '_receivePong', /** @this {any} */ function (/** @type {Buffer} */ payload) {
      const sentAt = counters._pings.get(payload.toString());
      if (sentAt !== undefined) {
        counters._pings.delete(payload.toString());
        counters.roundTripTime = performance.now() - sentAt;
      }
      return _receivePong.call(this, payload);
    });
  }

  /** @param {string} payload */
  _notePing(payload) {
    if (this._pings.size === MOST_PINGS) {
      const [oldest] = this._pings.keys();
      this._pings.delete(oldest);
    }
    this._pings.set(payload, performance.now());
  }

  /** @returns {Stats} as it is now */
  read() {
    const { _socket: socket, messagesReceived, messagesSent, bytesReceived, bytesSent, roundTripTime } = this;
    const { _stream: stream, _driver: driver } = socket;
    return {
      path: pathOf(socket),
      isCompressed: Boolean(driver._compression || driver._extensions && driver._extensions.active),
      messagesReceived,
      messagesSent,
      bytesReceived,
      bytesSent,
      wireBytesReceived: counted(stream && stream.bytesRead),
      wireBytesSent: counted(stream && /** @type {any} */ (stream).bytesWritten),
      roundTripTime,
    };
  }
}

/**
 * @param {any} object
 * @param {string} name
 * @param {Function} value
 */
function hide(object, name, value) {
  Object.defineProperty(object, name, { value, writable: true, configurable: true });
}

/**
 * @param {unknown} bytes
 * @returns {number | null} null where a stream does not count
 */
function counted(bytes) {
  return typeof bytes === 'number' ? bytes : null;
}

/**
 * What reads and writes a connection at the moment.
 *
 * @param {WebSocketFields} socket
 * @returns {Stats['path']}
 */
function pathOf({ _driver: driver }) {
  if (driver.isOverHttp2) return 'http2';
  return driver._direct === null ? 'stream' : 'loop';
}

/** @type {WeakMap<WebSocketFields, Counters>} */
const counters = new WeakMap();

/**
 * @param {WebSocketFields} socket
 * @returns {Stats} of what has been carried since this was called first
 */
function statsOf(socket) {
  let own = counters.get(socket);
  if (own === undefined) {
    own = new Counters(socket);
    counters.set(socket, own);
  }
  return own.read();
}

module.exports = { pathOf, statsOf };
