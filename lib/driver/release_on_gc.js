'use strict';

/** @import Driver from './driver' */

const { native } = require('./session');
const { connectionEnds } = require('../flush_scheduler');

/**
 * Releases native sessions whose drivers were garbage-collected. A session is only a number to JavaScript, and has to be
 * released by a call. A socket of Node's always emits 'close', at which that is done; streams of other kinds, and
 * connections that were never opened, may be collected without it.
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
