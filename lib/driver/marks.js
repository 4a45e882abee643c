'use strict';

/** @import { Served } from '../contracts' */

/**
 * The connections that are served past Node's streams, and which of them have output to be written:
 * the native side writes it one behind the other when it has served some connections, or when the
 * turn ends. The memory's layout is documented in src/binding/marks.rs.
 */
const { native, marks: memory, MAX_MARKS, MARK_HEADER_INTS: HEADER_INTS } = require('./session');

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
 * Marks a connection; returns the round in which it will be written.
 *
 * @param {number} number of the connection
 * @returns {number}
 */
function mark(number) {
  if (memory[COUNT] === MAX_MARKS) writeMarked();
  memory[HEADER_INTS + memory[COUNT]++] = number;
  return memory[ROUND];
}

/**
 * Takes a mark back.
 *
 * @param {number} number
 */
function unmark(number) {
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

/** Writes what is marked, at once. */
function writeMarked() {
  if (memory[COUNT] === 0) return;
  const unwritten = native.servedWriteMarked();
  if (!unwritten) return;
  for (let i = 0; i < unwritten.length; i += 2) {
    const connection = connections[unwritten[i]];
    if (connection !== undefined) connection.handOver();
  }
}

/** The turn ends: what is marked is written, unless the native side is about to do it. */
function writeAtEndOfTurn() {
  if (memory[SERVING] === 0) writeMarked();
}

module.exports = { connections, mark, unmark, currentRound, writeMarked, writeAtEndOfTurn };
