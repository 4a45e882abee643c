'use strict';

/**
 * The function that the native event loop calls with reports about connections, of servers and dialled ones. See
 * src/binding/served.rs.
 */
const { connections } = require('../driver/dirty_list');
const { REENTERED, reentered } = require('../driver/reentry');
const { native, lent } = require('../driver/session');

/** In place of a length: the socket has failed; Node has to read the error from it. */
const FAILED = -0x80000000;
/** In place of a length: the kernel has not taken `count` bytes of output, when the dirty list was written. */
const UNWRITTEN = FAILED + 1;
/** In place of a length: `count` bytes of memory are needed for a message that is landing. */
const MEMORY_WANTED = FAILED + 2;
/** In place of a length: `count` has other events of a dialled connection, as bits of `SocketEvents`. */
const SOCKET_EVENTS = FAILED + 4;
/** Bit in a count of events: the event is in that memory. */
const LANDED = 1 << 16;

const isEnabled = process.env.FAYE_WEBSOCKET_KERNEL_SOCKET !== '0' && typeof native.servedAttach === 'function' &&
  !process.versions.bun && !process.versions.deno;

let isAttached = false;

/**
 * The number of this copy of the package, for native calls that add a connection; -1 where Node's loop cannot be watched.
 *
 * @returns {number}
 */
function attach() {
  if (!isEnabled) return -1;
  // Tried again for each connection after a failure, which may have been for want of descriptors.
  isAttached ||= native.servedAttach(lent.number, dispatch);
  return isAttached ? lent.number : -1;
}

/**
 * @param {number} number of the connection
 * @param {number} length bytes in the slab; 0 at the end of the stream; below 0, one of the constants above or an error
 *   number
 * @param {number} count events in `spans`
 */
function dispatch(number, length, count) {
  if (length === REENTERED) return reentered();
  const connection = connections[number];
  if (connection !== undefined) connection.receive(length, count);
}

module.exports = { attach, connections, FAILED, UNWRITTEN, MEMORY_WANTED, SOCKET_EVENTS, LANDED };
