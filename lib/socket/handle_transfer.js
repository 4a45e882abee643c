'use strict';

/**
 * A socket may be sent to another process (`child.send(message, socket)`). There is no event for it: Node takes the handle
 * from the socket, stops its timer with `setTimeout`, and closes the handle when the other process has it. Output that waits
 * has to be written before; later input is for the other process; and as no 'close' follows, the native session is released
 * when its driver is garbage-collected.
 */
const { driverOf } = require('../driver/socket_pipe');
const releaseOnGc = require('../driver/release_on_gc');
const { strike } = require('../driver/open_drivers');
const { hasHandle, withHandle } = require('./node_internals');

/** The functions that notice it, by the `setTimeout` that they wrap. */
const watching = new WeakMap();

/**
 * Has it noticed when the socket of a server's connection is sent to another process. Called once by the WebSocket.
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
  // The handle can be written to until the other process has it.
  withHandle(socket, handle, () => driver.flush());
  const direct = _direct || _aside;
  if (direct !== null) direct.release();
  handle.readStop();
  driver._output.isCongested = true;
  strike(driver);
  releaseOnGc(driver);
}

module.exports = watchTransfer;
