'use strict';

/**
 * @import { AnyDriver, WebSocketFields } from '../../contracts'
 */

const { OPEN } = require('./ready_state');
const { native, Opcode } = require('../../driver/session');

/**
 * One message for many sockets.
 *
 * @typedef {object} Outgoing
 * @property {number} length bytes of the payload
 * @property {(ids: Uint32Array) => void} sendTo appends the message, framed once, to native sessions
 * @property {() => string | Buffer} get the message, for `send` of sockets that cannot share its frame
 */

/**
 * Sends one message to many sockets, in one native call to those that can share its frame.
 *
 * @param {Iterable<WebSocketFields>} sockets
 * @param {Outgoing} outgoing
 * @param {(socket: WebSocketFields) => boolean} refuses whether a socket is skipped
 * @returns {{sent: number, skipped: WebSocketFields[]}}
 */
function fanOut(sockets, outgoing, refuses) {
  const skipped = /** @type {WebSocketFields[]} */ ([]);
  const others = /** @type {WebSocketFields[]} */ ([]);
  const drivers = /** @type {AnyDriver[]} */ ([]);
  const ids = /** @type {number[]} */ ([]);
  for (const socket of sockets) {
    const driver = socket._driver;
    if (refuses(socket)) skipped.push(socket);
    else if (driver.readyState === 1 && socket.readyState === OPEN && driver._joinsBroadcast(outgoing.length)) {
      drivers.push(driver);
      ids.push(driver._id);
    } else others.push(socket);
  }

  if (ids.length > 0) {
    outgoing.sendTo(Uint32Array.from(ids));
    for (const driver of drivers) driver._output.queued(outgoing.length);
  }
  if (others.length > 0) {
    const message = outgoing.get();
    for (const socket of others) socket.send(message);
  }
  return { sent: drivers.length + others.length, skipped };
}

/**
 * A message for `fanOut`, of any value that `send` takes.
 *
 * @param {any} message
 * @returns {Outgoing & { isText: boolean, payload: Buffer }}
 */
function outgoing(message) {
  const isText = !(message instanceof Buffer);
  const text = isText ? String(message) : '';
  const payload = isText ? Buffer.from(text, 'utf8') : message;
  return {
    isText,
    payload,
    length: payload.length,
    sendTo: (ids) => native.broadcast(ids, isText ? Opcode.text : Opcode.binary, payload),
    get: () => (isText ? text : payload),
  };
}

module.exports = { fanOut, outgoing };
