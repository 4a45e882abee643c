'use strict';

const { OPEN } = require('./api');
const { native, Opcode } = require('../../driver/session');

/**
 * Sends one message to many sockets, server's or client's: it is encoded and framed once. A socket
 * that is not open, or whose earlier messages still wait for the network, is skipped; of one with the
 * option `maxBackpressure` so many bytes may wait.
 *
 * @param {Iterable<import('../../contracts').WebSocketFields>} sockets
 * @param {string | Buffer | *} message as for `send`
 * @returns {{sent: number, skipped: object[]}} how many sockets took it, and which did not
 */
function broadcast(sockets, message) {
  const isBinary = message instanceof Buffer;
  const payload = isBinary ? message : Buffer.from(String(message), 'utf8');
  const opcode = isBinary ? Opcode.binary : Opcode.text;

  const skipped = [];
  const others = [];
  const drivers = [];
  const ids = [];
  for (const socket of sockets) {
    const driver = socket._driver;
    if (socket.readyState !== OPEN || driver.readyState !== 1 || isFull(driver)) skipped.push(socket);
    else if (driver._joinsBroadcast(payload.length)) {
      drivers.push(driver);
      ids.push(driver._id);
    } else others.push(socket);
  }

  if (ids.length > 0) {
    native.broadcast(Uint32Array.from(ids), opcode, payload);
    for (const driver of drivers) driver._output.queued(payload.length);
  }
  const text = isBinary ? payload : String(message);
  for (const socket of others) socket.send(text);
  return { sent: drivers.length + others.length, skipped };
}

/**
 * @param {import('../../contracts').AnyDriver} driver
 * @returns {boolean}
 */
function isFull(driver) {
  return driver._backpressure === null ? driver._output.isCongested : driver._backpressure.refuses(driver);
}

module.exports = broadcast;
