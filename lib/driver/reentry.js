'use strict';

/**
 * A listener may run the event loop before it returns, as the npm package deasync does. Sockets are then read into the slab,
 * which still has the rest of the listener's chunk. The native side reports it before, with `REENTERED` in place of a
 * length.
 */
const { writeDirty } = require('./dirty_list');
const { flush, running } = require('../flush_scheduler');

/** See src/binding/served.rs. */
const REENTERED = -0x80000000 + 3;

/** The connection whose chunk is in the slab while its listeners run, and the length of the chunk. */
const occupied = { by: /** @type {import('../contracts').DirectSocket | null} */ (null), length: 0 };

/**
 * A listener runs the event loop: copies the rest of its chunk, and writes all output that waits. Called by the addon's
 * dispatch.
 */
function reentered() {
  if (occupied.by !== null) occupied.by.leaveSlab(occupied.length);
  // The output of listeners would be written when they return, and the listener may be waiting for an answer to it.
  if (running.output !== null) running.output.flush();
  flush();
  writeDirty();
}

module.exports = { REENTERED, occupied, reentered };
