'use strict';

/** @import { WebSocketFields } from '../../contracts' */

const { fanOut, outgoing } = require('./fan_out');
const { OPEN } = require('./ready_state');

/**
 * Sends one message to many WebSockets, servers' or clients': it is encoded and framed once. One that is not open, or whose
 * earlier messages still wait to be written, is skipped; with the option `maxBackpressure`, it is skipped when more than so
 * many bytes wait.
 *
 * @param {Iterable<WebSocketFields>} sockets
 * @param {string | Buffer | *} message as for `send`
 * @returns {{sent: number, skipped: object[]}} how many sockets took it, and which did not
 */
function broadcast(sockets, message) {
  return fanOut(sockets, outgoing(message), isFull);
}

/**
 * @param {WebSocketFields} socket
 * @returns {boolean}
 */
function isFull({ readyState, _driver: driver }) {
  if (readyState !== OPEN || driver.readyState !== 1) return true;
  return driver._backpressure === null ? driver._output.isCongested : driver._backpressure.refuses(driver);
}

module.exports = broadcast;
