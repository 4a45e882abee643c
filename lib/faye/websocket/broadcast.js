'use strict';

/** @import { WebSocketFields } from '../../contracts' */

const { fanOut, outgoing } = require('./fan_out');
const { OPEN } = require('./ready_state');

/**
 * Sends one message to many sockets, server's or client's: it is encoded and framed once. A socket
 * that is not open, or whose earlier messages still wait for the network, is skipped; of one with the
 * option `maxBackpressure` so many bytes may wait.
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
