'use strict';

/**
 * A socket that is sent to another process (`child.send(message, socket)`) leaves without an event:
 * Node takes its handle out of it, stops its timer, and closes the handle once the other process has
 * it. What was sent before has to leave first; what the peer says from then on is for the other
 * process; and the native session, which no 'close' gives back, goes with the connection.
 */
const { driverOf } = require('../driver/socket_pipe');
const releaseOnGc = require('../driver/release_on_gc');
const { strike } = require('../driver/open_drivers');
const { hasHandle, withHandle } = require('./node_internals');

/** The functions that notice it, by the `setTimeout` they stand before. */
const watching = new WeakMap();

/**
 * Notices when the socket of a server's connection is sent away. The WebSocket calls it once.
 *
 * @param {any} socket
 */
function watchTransfer(socket) {
  if (!hasHandle(socket)) return;
  const original = socket.setTimeout;
  let value = watching.get(original);
  if (value === undefined) {
    /** @type {(this: any, ...args: [timeout: number, callback?: () => void]) => any} */
    value = function (...args) {
      const driver = driverOf(this);
      if (driver !== undefined && !hasHandle(this) && !this.destroyed) transfer(this, driver);
      return original.apply(this, args);
    };
    watching.set(original, value);
  }
  Object.defineProperty(socket, 'setTimeout', { value, writable: true, configurable: true, enumerable: false });
}

/**
 * @param {any} socket
 * @param {import('../driver/driver')} driver
 */
function transfer(socket, driver) {
  const { _direct, _aside, _handle: handle } = driver;
  if (handle === null) return;
  driver._handle = null;
  // It can be written to until the other process has it.
  withHandle(socket, handle, () => driver.flush());
  const direct = _direct || _aside;
  if (direct !== null) direct.release();
  handle.readStop();
  driver._output.isCongested = true;
  strike(driver);
  releaseOnGc(driver);
}

module.exports = watchTransfer;
