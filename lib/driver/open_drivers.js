'use strict';

/**
 * @import { ByteStream } from '../contracts'
 * @import Driver from './driver'
 */

const { hasHandle } = require('../socket/node_internals');

/**
 * The drivers of servers' connections, by the numbers of their sessions, which costs one pointer each. A socket of Node's
 * always emits 'close', after which its driver is removed; a stream of another kind may be collected without it, so that its
 * driver is held weakly.
 */
const drivers = /** @type {(Driver | WeakRef<Driver> | undefined)[]} */ ([]);

/**
 * Adds the driver of a server's connection, for `closeAll`.
 *
 * @param {Driver} driver
 * @param {ByteStream} stream
 */
function enlist(driver, stream) {
  drivers[driver._id] = hasHandle(stream) ? driver : new WeakRef(driver);
}

/**
 * Removes a driver: its session is about to be released, or its socket was sent to another process.
 *
 * @param {Driver} driver
 */
function strike({ _id: id }) {
  if (id < drivers.length) drivers[id] = undefined;
}

/** @returns {Driver[]} the drivers that were added and not removed */
function openDrivers() {
  return drivers.map((entry) => (entry instanceof WeakRef ? entry.deref() : entry)).filter((driver) => driver !== undefined);
}

module.exports = { enlist, strike, openDrivers };
