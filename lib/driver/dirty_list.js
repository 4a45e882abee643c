'use strict';

/** @import { Served } from '../contracts' */

/**
 * The connections that are read and written past Node's streams, and the dirty list: those of them with output. The native
 * side writes their output after it has served some connections, and at the end of its turn; JavaScript has it written at
 * the end of other turns. The memory's layout is documented in src/transport/event_loop/dirty_list.rs.
 */
const { native, dirtyList: memory, MAX_DIRTY, DIRTY_HEADER_INTS: HEADER_INTS } = require('./session');

const COUNT = 0;
const ROUND = 1;
const SERVING = 2;

/**
 * Connections by number; the number of a released one is used again.
 *
 * @type {(Served | undefined)[]}
 */
const connections = [];

/**
 * Puts a connection on the list; returns the round in which it will be written.
 *
 * @param {number} number of the connection
 * @returns {number}
 */
function markDirty(number) {
  if (memory[COUNT] === MAX_DIRTY) writeDirty();
  memory[HEADER_INTS + memory[COUNT]++] = number;
  return memory[ROUND];
}

/**
 * Takes a connection off the list.
 *
 * @param {number} number
 */
function clearDirty(number) {
  for (let i = HEADER_INTS + memory[COUNT] - 1; i >= HEADER_INTS; i--) {
    if (memory[i] === number) memory[i] = -1;
  }
}

/**
 * The round of the list as it is now, which has not been written yet.
 *
 * @returns {number}
 */
function currentRound() {
  return memory[ROUND];
}

/** Has the output of the connections on the list written, at once. */
function writeDirty() {
  if (memory[COUNT] === 0) return;
  const unwritten = native.servedWriteDirty();
  if (!unwritten) return;
  for (const number of unwritten) connections[number]?.handOver?.();
}

/** The turn ends: has the list written, unless the native side is serving connections and will write it afterwards. */
function writeAtEndOfTurn() {
  if (memory[SERVING] === 0) writeDirty();
}

module.exports = { connections, markDirty, clearDirty, currentRound, writeDirty, writeAtEndOfTurn };
