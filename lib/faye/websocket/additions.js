'use strict';

/**
 * Members of WebSockets that the original does not have: not enumerable. ../../../index.d.ts describes them for users.
 */

const { ABNORMAL_CLOSURE } = require('../../driver/close_code');
const { sequence } = require('../../sequence');
const { accessor: binaryType } = require('./binary_type');
const inspect = require('./inspect');
const MessageIterator = require('./message_iterator');
const { CLOSED, OPEN } = require('./ready_state');
const { statsOf } = require('./stats');
const topics = require('./topics');

/** @type {ThisType<import('../../contracts').WebSocketFields>} */
const additions = {
  /** Closes at once, without a closing handshake, with code 1006; output that waits is discarded. */
  terminate() {
    if (this.readyState === CLOSED) return;
    this._driver.discard();
    sequence(
      () => this._deliveries !== null && this._deliveries.fail(),
      () => this._beginClose('', ABNORMAL_CLOSURE),
      () => this._finalizeClose());
  },

  /**
   * @param {any} [message]
   * @returns {boolean}
   */
  pong(message) {
    if (this.readyState > OPEN) return false;
    return this._driver.pong(message);
  },

  /**
   * @param {string} topic
   * @returns {boolean}
   */
  subscribe(topic) {
    return topics.subscribe(this, topic);
  },

  /**
   * @param {string} topic
   * @returns {boolean}
   */
  unsubscribe(topic) {
    return topics.unsubscribe(this, topic);
  },

  /** @returns {string[]} */
  get topics() {
    return this._topics === null ? [] : [...this._topics];
  },

  /**
   * @param {{ binary?: boolean }} [options]
   * @returns {import('stream').Writable}
   * @throws {TypeError | Error}
   */
  stream(options) {
    const { binary = true, ...others } = options || {};
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw new TypeError(`Unrecognized option: ${unknown}`);
    if (typeof binary !== 'boolean') throw new TypeError('binary must be true or false');
    if (this.readyState !== OPEN) throw new Error('A message can be streamed only while the WebSocket is open');
    if (this._driver.createWriter === undefined) throw new Error(`${this.version} has no fragmented messages`);
    return this._driver.createWriter(binary);
  },

  /** @returns {number} */
  get droppedMessages() {
    const { _backpressure: backpressure } = this._driver;
    return backpressure === null ? 0 : backpressure.refused;
  },

  get stats() {
    return statsOf(this);
  },

  /** @returns {boolean} */
  get isPaused() {
    const { _messages: messages } = this._driver;
    return messages !== null && messages._isPaused;
  },

  [Symbol.asyncIterator]() {
    return new MessageIterator(this);
  },

  [Symbol.for('nodejs.util.inspect.custom')]: inspect,
};

/** Closes with 1000; resolves when the connection is closed. */
const dispose = {
  /**
   * @this {import('../../contracts').WebSocketFields}
   * @returns {Promise<void>}
   */
  value() {
    return new Promise((resolve) => {
      if (this.readyState === CLOSED) return resolve();
      this.once('close', () => resolve());
      if (this.readyState <= OPEN) this.close();
    });
  },
  writable: true,
  configurable: true,
};

/** @type {PropertyDescriptorMap} */
const descriptors = { ...Object.getOwnPropertyDescriptors(additions), binaryType };
for (const key of Reflect.ownKeys(descriptors)) descriptors[key] = { ...descriptors[key], enumerable: false };
// Node.js before 18.18 has no such symbol.
if (Symbol.asyncDispose) descriptors[Symbol.asyncDispose] = dispose;

module.exports = descriptors;
