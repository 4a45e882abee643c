'use strict';

/** @import Driver from './driver' */

const { native } = require('./session');
const { connectionEnds } = require('../flush_scheduler');

/**
 * Native sessions are numbers, so somebody has to give them back. A socket of Node's always closes
 * before it is forgotten; other streams, and connections that were never opened, may not.
 */
const registry = new FinalizationRegistry((id) => {
  native.releaseSession(id);
  connectionEnds();
});

/**
 * Has the session of `driver` released when the driver is garbage-collected.
 *
 * @param {Driver} driver
 */
function releaseOnGc(driver) {
  registry.register(driver, driver._id, driver);
  driver._registry = registry;
}

module.exports = releaseOnGc;
