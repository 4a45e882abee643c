'use strict';

/**
 * @import { ByteStream } from '../contracts'
 * @import Driver from './driver'
 */

const { hasHandle } = require('../socket/node_internals');

/**
 * The drivers of servers' connections whose sessions are open, by the numbers of these: one pointer
 * for each. A socket of Node's always closes before it is forgotten, others may not: their drivers
 * are not held here.
 */
const drivers = /** @type {(Driver | WeakRef<Driver> | undefined)[]} */ ([]);

/**
 * A server's connection begins: `closeAll` finds its driver until `strike`.
 *
 * @param {Driver} driver
 * @param {ByteStream} stream
 */
function enlist(driver, stream) {
  drivers[driver._id] = hasHandle(stream) ? driver : new WeakRef(driver);
}

/**
 * The session is about to be given back, or has left with its socket.
 *
 * @param {Driver} driver
 */
function strike({ _id: id }) {
  if (id < drivers.length) drivers[id] = undefined;
}

/** @returns {Driver[]} the drivers that are enlisted */
function openDrivers() {
  return drivers.map((entry) => (entry instanceof WeakRef ? entry.deref() : entry)).filter((driver) => driver !== undefined);
}

module.exports = { enlist, strike, openDrivers };
