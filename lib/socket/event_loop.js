'use strict';

/**
 * The native event loop set of this copy of the package: what it calls for each connection that it reads,
 * a server's and a dialled one's. See src/binding/served.rs.
 */
const { connections } = require('../driver/dirty_list');
const { REENTERED, reentered } = require('../driver/reentry');
const { native, lent } = require('../driver/session');

/** In place of a length: the socket has failed, and its owner should find out how. */
const FAILED = -0x80000000;
/** In place of a length: the kernel did not take `count` bytes of the output of the dirty list. */
const UNWRITTEN = FAILED + 1;
/** In place of a length: `count` bytes of memory are wanted for a message that is being read. */
const MEMORY_WANTED = FAILED + 2;
/** In place of a length: what has happened to a dialled connection besides, as bits of `SocketEvents`. */
const SOCKET_EVENTS = FAILED + 4;
/** In a count of events: the event is in that memory. */
const LANDED = 1 << 16;

const isEnabled = process.env.FAYE_WEBSOCKET_KERNEL_SOCKET !== '0' && typeof native.servedAttach === 'function' &&
  !process.versions.bun && !process.versions.deno;

let isAttached = false;

/**
 * The number to have connections served with, or -1 where Node's loop cannot be watched.
 *
 * @returns {number}
 */
function attach() {
  if (!isEnabled) return -1;
  // Again for each connection after a failure: descriptors may have been short.
  isAttached ||= native.servedAttach(lent.number, dispatch);
  return isAttached ? lent.number : -1;
}

/**
 * @param {number} number of the connection
 * @param {number} length bytes in the slab; 0 and below, see above
 * @param {number} count events in `spans`
 */
function dispatch(number, length, count) {
  if (length === REENTERED) return reentered();
  const connection = connections[number];
  if (connection !== undefined) connection.receive(length, count);
}

module.exports = { attach, connections, FAILED, UNWRITTEN, MEMORY_WANTED, SOCKET_EVENTS, LANDED };
