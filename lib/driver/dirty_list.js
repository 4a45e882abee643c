'use strict';

/** @import { Served } from '../contracts' */

/**
 * The connections that are served past Node's streams, and which of them have output to be written:
 * the native side writes it one behind the other when it has served some connections, or when the
 * turn ends. The memory's layout is documented in src/transport/event_loop/dirty_list.rs.
 */
const { native, dirtyList: memory, MAX_DIRTY, DIRTY_HEADER_INTS: HEADER_INTS } = require('./session');

const COUNT = 0;
const ROUND = 1;
const SERVING = 2;

/**
 * Connections by number; released ones leave a hole that is filled again.
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
 * The round that has not been written yet.
 *
 * @returns {number}
 */
function currentRound() {
  return memory[ROUND];
}

/** Writes what the connections on the list hold, at once. */
function writeDirty() {
  if (memory[COUNT] === 0) return;
  const unwritten = native.servedWriteDirty();
  if (!unwritten) return;
  for (const number of unwritten) connections[number]?.handOver?.();
}

/** The turn ends: the list is written, unless the native side is about to do it. */
function writeAtEndOfTurn() {
  if (memory[SERVING] === 0) writeDirty();
}

module.exports = { connections, markDirty, clearDirty, currentRound, writeDirty, writeAtEndOfTurn };
