'use strict';

/**
 * A listener may run the event loop before it returns; the npm package deasync does. Sockets are read
 * meanwhile, into the slab in which the rest of the listener's chunk lies. The native side says so before
 * it happens, with `REENTERED` in place of a length.
 */
const { writeDirty } = require('./dirty_list');
const { flush, running } = require('../flush_scheduler');

/** See src/binding/served.rs. */
const REENTERED = -0x80000000 + 3;

/** Whose chunk lies in the slab, and its bytes. */
const occupied = { by: /** @type {import('../contracts').DirectSocket | null} */ (null), length: 0 };

/**
 * A listener runs the event loop: keeps what is left of its chunk, and writes all output that waits. The addon's
 * dispatch calls it.
 */
function reentered() {
  if (occupied.by !== null) occupied.by.leaveSlab(occupied.length);
  // What listeners have sent would leave when they return, and they may be waiting for the answer.
  if (running.output !== null) running.output.flush();
  flush();
  writeDirty();
}

module.exports = { REENTERED, occupied, reentered };
