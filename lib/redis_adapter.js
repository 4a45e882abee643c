'use strict';

const { EventEmitter } = require('events');

/** The beginning of the names of channels; the topic follows. */
const PREFIX = 'faye-websocket:';

/**
 * Carries publications between processes by Redis's PUBLISH and PSUBSCRIBE, over clients of the npm package `redis` (4 and
 * newer) or `ioredis` that the application has made and connected. Each publication arrives at most once: Redis does not
 * keep it for a process that is not connected, and it is dropped while the publisher is not connected.
 *
 * Events: 'disconnect' when one of the clients has lost Redis, 'connect' when both have it again, 'error'.
 */
class RedisAdapter extends EventEmitter {
  /**
   * @param {object} clients
   * @param {any} clients.publisher
   * @param {any} clients.subscriber another client, as one that has subscribed cannot publish
   * @param {string} [clients.prefix] of the channels' names
   * @throws {TypeError}
   */
  constructor({ publisher, subscriber, prefix = PREFIX }) {
    super();
    for (const [name, client] of Object.entries({ publisher, subscriber })) {
      if (typeof client?.publish !== 'function') throw new TypeError(`${name} must be a client of redis or ioredis`);
    }
    if (typeof prefix !== 'string') throw new TypeError('prefix must be a string');
    if (publisher === subscriber) throw new TypeError('publisher and subscriber must be two clients');
    this._publisher = publisher;
    this._subscriber = subscriber;
    this._prefix = prefix;
    this._isConnected = isReady(publisher) && isReady(subscriber);
    /** The number of publications that were dropped, because Redis could not be reached. */
    this.dropped = 0;
    this._listeners = /** @type {[any, string, (...args: any[]) => void][]} */ ([]);
    // Without a listener of 'error', a client would throw.
    for (const client of [publisher, subscriber]) {
      this._listen(client, 'error', (error) => this._report(error));
      for (const event of ['ready', 'reconnecting', 'end']) this._listen(client, event, () => this._look());
    }
  }

  /**
   * @param {any} client
   * @param {string} event
   * @param {(...args: any[]) => void} listener
   */
  _listen(client, event, listener) {
    client.on(event, listener);
    this._listeners.push([client, event, listener]);
  }

  /** A client has lost Redis, or has it again. */
  _look() {
    const isConnected = isReady(this._publisher) && isReady(this._subscriber);
    if (this._isConnected === isConnected) return;
    this._isConnected = isConnected;
    this.emit(isConnected ? 'connect' : 'disconnect');
  }

  /** @param {Error} error */
  _report(error) {
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }

  /**
   * @param {string} topic
   * @param {Buffer} bytes
   */
  publish(topic, bytes) {
    // Dropped: a client would keep it until it is connected again, and it would arrive late.
    if (!isReady(this._publisher)) {
      this.dropped++;
      return;
    }
    this._publisher.publish(this._prefix + topic, bytes).catch((/** @type {Error} */ error) => {
      this.dropped++;
      this._report(error);
    });
  }

  /** @param {(topic: string, bytes: Buffer) => void} onMessage */
  subscribe(onMessage) {
    const pattern = `${this._prefix.replace(/[[\]*?\\]/g, '\\$&')}*`;
    const take = (/** @type {string | Buffer} */ channel, /** @type {Buffer} */ bytes) => (
      onMessage(String(channel).slice(this._prefix.length), bytes));
    const { _subscriber: subscriber } = this;
    let subscribed;
    if (typeof subscriber.pSubscribe === 'function') {
      this._unsubscribe = () => subscriber.pUnsubscribe(pattern);
      subscribed = subscriber.pSubscribe(pattern, (/** @type {Buffer} */ bytes, /** @type {Buffer} */ channel) => take(channel, bytes), true);
    } else {
      this._unsubscribe = () => subscriber.punsubscribe(pattern);
      this._listen(subscriber, 'pmessageBuffer', (by, channel, bytes) => String(by) === pattern && take(channel, bytes));
      subscribed = subscriber.psubscribe(pattern);
    }
    this.subscribed = subscribed.catch((/** @type {Error} */ error) => this._report(error));
  }

  /** Stops publishing and receiving; the clients stay connected. */
  close() {
    this._unsubscribe?.().catch(() => {});
    for (const [client, event, listener] of this._listeners.splice(0)) client.removeListener(event, listener);
  }
}

/**
 * Whether a client is connected.
 *
 * @param {any} client of redis, or of ioredis
 * @returns {boolean}
 */
function isReady(client) {
  return client.isReady === undefined ? client.status === 'ready' : client.isReady;
}

module.exports = { RedisAdapter };
