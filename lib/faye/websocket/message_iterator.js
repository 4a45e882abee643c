'use strict';

/** @import { WebSocketFields } from '../../contracts' */

const { CLOSED, OPEN } = require('./ready_state');

/**
 * `for await (const message of ws)`. While the loop is busy with a message, the socket is paused: only messages that have
 * arrived together with that one are held.
 */
class MessageIterator {
  /** @param {WebSocketFields} socket */
  constructor(socket) {
    this._socket = socket;
    /** @type {any[]} */
    this._messages = [];
    /** @type {{ resolve: (result: IteratorResult<any>) => void, reject: (error: Error) => void }[]} */
    this._waiting = [];
    /** @type {Error | null} */
    this._error = null;
    this._isOver = socket.readyState === CLOSED;
    this._isHolding = false;

    this._onMessage = (/** @type {any} */ { data }) => this._take(data);
    this._onError = (/** @type {any} */ { message }) => { this._error = new Error(message); };
    this._onClose = () => this._end();
    if (this._isOver) return;
    socket.on('message', this._onMessage);
    socket.on('error', this._onError);
    socket.on('close', this._onClose);
  }

  /** @param {any} data */
  _take(data) {
    const next = this._waiting.shift();
    if (next !== undefined) return next.resolve({ value: data, done: false });
    this._messages.push(data);
    if (this._isHolding) return;
    this._isHolding = true;
    this._socket.pause();
  }

  _letGo() {
    if (!this._isHolding) return;
    this._isHolding = false;
    this._socket.resume();
  }

  _end() {
    this._isOver = true;
    this._forget();
    for (const { resolve, reject } of this._waiting.splice(0)) {
      const error = this._takeError();
      if (error === null) resolve({ value: undefined, done: true });
      else reject(error);
    }
  }

  _forget() {
    const { _socket: socket } = this;
    socket.removeListener('message', this._onMessage);
    socket.removeListener('error', this._onError);
    socket.removeListener('close', this._onClose);
  }

  /** @returns {Error | null} the error that has ended the connection; null when it was taken before */
  _takeError() {
    const error = this._error;
    this._error = null;
    return error;
  }

  /** @returns {Promise<IteratorResult<any>>} rejected once if an error has ended the connection */
  next() {
    if (this._messages.length > 0) return Promise.resolve({ value: this._messages.shift(), done: false });
    if (this._isOver) {
      const error = this._takeError();
      return error === null ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      this._waiting.push({ resolve, reject });
      this._letGo();
    });
  }

  /**
   * The loop was left: closes the connection with 1000, and drops messages that the loop has not taken.
   *
   * @returns {Promise<IteratorResult<any>>}
   */
  return() {
    this._messages = [];
    if (!this._isOver) {
      this._error = null;
      this._end();
      if (this._socket.readyState <= OPEN) this._socket.close();
      this._letGo();
    }
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

module.exports = MessageIterator;
