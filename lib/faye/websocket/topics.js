'use strict';

/**
 * @import { WebSocketFields } from '../../contracts'
 * @import { Outgoing } from './fan_out'
 */

const { fanOut, outgoing } = require('./fan_out');
const { OPEN } = require('./ready_state');
const { native } = require('../../driver/session');

/** Most publications of other threads that are delivered in one turn of the event loop. */
const MOST_AT_ONCE = 256;

/**
 * The sockets of this thread by topic.
 *
 * @type {Map<string, Set<WebSocketFields>>}
 */
const subscribers = new Map();

/** Receives what other threads publish; null while this thread has neither subscribers nor a relay. */
let inbox = /** @type {import('../../native').TopicInbox | null} */ (null);

/** Passes publications on to other processes: see ./topic_adapter. */
let relay = /** @type {((topic: string, isText: boolean, payload: Buffer) => void) | null} */ (null);

/**
 * @param {unknown} topic
 * @throws {TypeError}
 */
function check(topic) {
  if (typeof topic !== 'string') throw new TypeError('topic must be a string');
}

/** @returns {import('../../native').TopicInbox | null} null in WebAssembly, which is of one thread */
function open() {
  if (inbox === null && native.TopicInbox !== undefined) inbox = new native.TopicInbox(takeAll);
  return inbox;
}

function closeIfUnused() {
  if (inbox === null || subscribers.size > 0 || relay !== null) return;
  inbox.close();
  inbox = null;
}

/**
 * Has a socket receive what is published to a topic, until it closes.
 *
 * @param {WebSocketFields} socket
 * @param {string} topic
 * @returns {boolean} false when the socket is closing or closed
 * @throws {TypeError}
 */
function subscribe(socket, topic) {
  check(topic);
  if (socket.readyState > OPEN) return false;
  const topics = socket._topics ||= new Set();
  if (topics.has(topic)) return true;
  topics.add(topic);
  const sockets = subscribers.get(topic);
  if (sockets !== undefined) {
    sockets.add(socket);
  } else {
    subscribers.set(topic, new Set([socket]));
    open()?.subscribe(topic);
  }
  return true;
}

/**
 * @param {WebSocketFields} socket
 * @param {string} topic
 * @returns {boolean} whether the socket had subscribed
 * @throws {TypeError}
 */
function unsubscribe(socket, topic) {
  check(topic);
  if (socket._topics === null || !socket._topics.delete(topic)) return false;
  leave(socket, topic);
  closeIfUnused();
  return true;
}

/**
 * A socket has closed: it leaves its topics.
 *
 * @param {WebSocketFields} socket
 */
function unsubscribeAll(socket) {
  const topics = socket._topics;
  socket._topics = null;
  if (topics === null) return;
  for (const topic of topics) leave(socket, topic);
  closeIfUnused();
}

/**
 * @param {WebSocketFields} socket
 * @param {string} topic
 */
function leave(socket, topic) {
  const sockets = /** @type {Set<WebSocketFields>} */ (subscribers.get(topic));
  sockets.delete(socket);
  if (sockets.size > 0) return;
  subscribers.delete(topic);
  inbox?.unsubscribe(topic);
}

/**
 * Sends a message to all sockets that have subscribed to a topic, in this thread, in the other threads of the process
 * and, with an adapter, in other processes.
 *
 * @param {string} topic
 * @param {any} message as for `send`
 * @param {{ except?: WebSocketFields | Iterable<WebSocketFields> }} [options] sockets that are not sent it
 * @returns {{ sent: number, skipped: object[] }} of this thread: how many sockets took it, and which did not
 * @throws {TypeError}
 */
function publish(topic, message, options) {
  check(topic);
  const except = excepted(options);
  const one = outgoing(message);
  const result = deliver(topic, one, except);
  toOtherThreads(topic, one.isText, one.payload);
  if (relay !== null) relay(topic, one.isText, one.payload);
  return result;
}

/**
 * @param {{ except?: any }} [options]
 * @returns {Set<WebSocketFields> | null}
 * @throws {TypeError}
 */
function excepted(options) {
  if (options === undefined || options === null) return null;
  if (typeof options !== 'object') throw new TypeError('options must be an object');
  const { except, ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new TypeError(`Unrecognized option: ${unknown}`);
  if (except === undefined || except === null) return null;
  if (except._driver !== undefined) return new Set([except]);
  if (typeof except[Symbol.iterator] !== 'function') throw new TypeError('except must be a socket, or sockets');
  return new Set(except);
}

/**
 * @param {string} topic
 * @param {boolean} isText
 * @param {Buffer} payload
 */
function toOtherThreads(topic, isText, payload) {
  if (inbox !== null) inbox.publish(topic, isText, payload);
  else if (native.publishTopic !== undefined) native.publishTopic(topic, isText, payload);
}

/**
 * Sends a message to the sockets of this thread.
 *
 * @param {string} topic
 * @param {Outgoing} message
 * @param {Set<WebSocketFields> | null} except
 * @returns {{ sent: number, skipped: object[] }}
 */
function deliver(topic, message, except) {
  const sockets = subscribers.get(topic);
  if (sockets === undefined) return { sent: 0, skipped: [] };
  return fanOut(except === null ? sockets : without(sockets, except), message, refuses);
}

/**
 * @param {Set<WebSocketFields>} sockets
 * @param {Set<WebSocketFields>} except
 * @returns {Generator<WebSocketFields>}
 */
function* without(sockets, except) {
  for (const socket of sockets) if (!except.has(socket)) yield socket;
}

/**
 * As for `send`: output that waits is limited where the socket has the option `maxBackpressure`.
 *
 * @param {WebSocketFields} socket
 * @returns {boolean}
 */
function refuses({ readyState, _driver: driver }) {
  if (readyState > OPEN || driver.readyState > 1) return true;
  return driver._backpressure !== null && driver._backpressure.refuses(driver);
}

/** Delivers what other threads have published; called by the addon. */
function takeAll() {
  for (let count = 0; inbox !== null; count++) {
    if (count === MOST_AT_ONCE) {
      inbox.ring();
      return;
    }
    const message = inbox.take();
    if (message === null) return;
    take(inbox, message);
  }
}

/**
 * @param {import('../../native').TopicInbox} from
 * @param {import('../../native').TopicMessage} message
 */
function take(from, { topic, isText, length }) {
  const get = () => (isText ? from.payload().toString() : from.payload());
  deliver(topic, { length, sendTo: (ids) => from.deliver(ids), get }, null);
  if (relay !== null) relay(topic, isText, from.payload());
}

/**
 * Has `to` called with all publications of this process.
 *
 * @param {(topic: string, isText: boolean, payload: Buffer) => void} to
 * @returns {(topic: string, isText: boolean, payload: Buffer) => void} delivers what other processes have published
 * @throws {Error} when the process has a relay already
 */
function beginRelay(to) {
  if (relay !== null || open()?.setRelay(true) === false) throw new Error('The process has a topic adapter already');
  relay = to;
  return (topic, isText, payload) => {
    deliver(topic, outgoing(isText ? payload.toString() : payload), null);
    toOtherThreads(topic, isText, payload);
  };
}

/** Undoes `beginRelay`. */
function endRelay() {
  relay = null;
  inbox?.setRelay(false);
  closeIfUnused();
}

module.exports = { subscribe, unsubscribe, unsubscribeAll, publish, beginRelay, endRelay };
