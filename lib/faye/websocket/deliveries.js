'use strict';

/** @import { WebSocketFields } from '../../contracts' */

const { sendMessage } = require('./binary_type');
const { sequence } = require('../../sequence');

const NOTHING = Buffer.alloc(0);

/** @typedef {(error?: Error | null) => void} Callback */

/**
 * The callbacks of `send`. Each is called once, in order: when the operating system has taken the message, or with an error
 * when it never will.
 */
class Deliveries {
  /** @param {WebSocketFields} socket */
  constructor(socket) {
    this._socket = socket;
    /** @type {Callback[]} of messages that were sent in this turn, or before the connection is open */
    this._unsent = [];
    /** @type {Set<Callback[]>} of messages that wait for others that are being streamed or compressed */
    this._queued = new Set();
    /** @type {Set<Callback[]>} the same, and those of messages that the stream has and the system has not taken */
    this._unwritten = new Set();
    this._isScheduled = false;
    this._isOver = false;
    /** @type {object | null} the stream whose 'close' is listened for */
    this._watched = null;
  }

  /** @param {Callback} callback */
  add(callback) {
    this._unsent.push(callback);
    if (this._socket._driver.readyState > 0) this.begin();
  }

  /** The connection is open: messages of this turn are written at its end. */
  begin() {
    if (this._isScheduled || this._unsent.length === 0) return;
    this._isScheduled = true;
    process.nextTick(() => {
      this._isScheduled = false;
      if (this._isOver || this._unsent.length === 0) return;
      const callbacks = this._unsent;
      this._unsent = [];
      this._unwritten.add(callbacks);
      this._queued.add(callbacks);
      this._socket._driver._afterQueued(() => this._follow(callbacks));
    });
  }

  /**
   * Calls back when the messages of before have been written.
   *
   * @param {Callback[]} callbacks
   */
  _follow(callbacks) {
    const { _stream: stream, _driver: driver } = this._socket;
    this._queued.delete(callbacks);
    driver.flush();
    if (this._watched !== stream) {
      this._watched = stream;
      stream.once('close', () => this.fail());
    }
    if (stream.writableLength === 0) this._settle(callbacks, null);
    else if (stream.writable) stream.write(NOTHING, (error) => this._settle(callbacks, error || null));
  }

  /**
   * @param {Callback[]} callbacks
   * @param {Error | null} error
   */
  _settle(callbacks, error) {
    if (this._unwritten.delete(callbacks)) call(callbacks, error);
  }

  /** The connection is over; messages that the stream has may still be written. */
  end() {
    this._isOver = true;
    const callbacks = this._unsent;
    this._unsent = [];
    const never = [...this._queued].filter((queued) => this._unwritten.delete(queued)).flat();
    this._queued.clear();
    sequence(
      () => call(never, undelivered()),
      () => {
        if (callbacks.length === 0) return;
        this._unwritten.add(callbacks);
        if (this._socket._driver._handshake === null && !this._socket._stream.destroyed) this._follow(callbacks);
        else this._settle(callbacks, undelivered());
      });
  }

  /** Messages that have not been written never will be. */
  fail() {
    this._isOver = true;
    const all = [...this._unwritten, this._unsent];
    this._unwritten.clear();
    this._unsent = [];
    call(all.flat(), undelivered());
  }
}

/** @returns {Error} */
function undelivered() {
  return new Error('The connection was closed before the message had left');
}

/**
 * @param {Callback[]} callbacks
 * @param {Error | null} error
 */
function call(callbacks, error) {
  sequence(...callbacks.map((callback) => () => (error === null ? callback() : callback(error))));
}

/**
 * Sends a message with a callback.
 *
 * @param {WebSocketFields} socket
 * @param {string | Buffer | import('buffer').Blob} message
 * @param {Callback} callback
 * @returns {boolean} as `send`
 */
function sendAndCall(socket, message, callback) {
  const { droppedMessages } = socket;
  const isTaken = sendMessage(socket, message);
  if (socket.droppedMessages > droppedMessages) {
    process.nextTick(callback, new Error('Too many bytes wait for the peer'));
  } else {
    socket._deliveries ||= new Deliveries(socket);
    socket._deliveries.add(callback);
  }
  return isTaken;
}

module.exports = { sendAndCall, undelivered };
