'use strict';

/** @import Output from './driver/output' */

const { writeAtEndOfTurn, writeDirty } = require('./driver/dirty_list');

/**
 * All messages that a connection sends in one turn of the event loop are written in one write: outputs wait here, and are
 * flushed when the running callback has returned.
 */
const waiting = /** @type {Output[]} */ ([]);

/**
 * `output`: that of the driver whose listeners are running, which is flushed when they return, or end the process.
 * `isExiting`: the process is ending, and the turn will not end: messages are written at once.
 */
const running = { output: /** @type {Output | null} */ (null), isExiting: false };

/** The index of the first of them that was not flushed yet. */
let next = 0;

/** Flushes all outputs that wait for the end of the turn. */
function flush() {
  try {
    while (next < waiting.length) waiting[next++].flushTogether();
  } finally {
    waiting.splice(0, next);
    next = 0;
    if (waiting.length > 0) process.nextTick(flush);
    writeAtEndOfTurn();
  }
}

/** The number of connections of this copy of the package, which listens to 'exit' of the process while there are any. */
let connections = 0;

/** Writes all output when the process ends: in the original, `ws.send(x); process.exit()` delivers x. */
function onExit() {
  running.isExiting = true;
  if (running.output !== null) running.output.flush();
  flush();
  writeDirty();
}

/** A connection was made. */
function connectionBegins() {
  if (++connections > 1) return;
  // Without Node's warning of a leak: there may be many copies of the package, each with one listener.
  const most = process.getMaxListeners();
  process.setMaxListeners(0);
  process.on('exit', onExit);
  process.setMaxListeners(most);
}

/** A connection was released. */
function connectionEnds() {
  if (--connections === 0) process.removeListener('exit', onExit);
}

/** @returns {boolean} */
function hasConnections() {
  return connections > 0;
}

/**
 * Has `output.flushTogether()` called at the end of the turn.
 *
 * @param {Output} output
 */
function flushAtEndOfTurn(output) {
  if (running.isExiting) output.flush();
  else if (waiting.push(output) === 1) process.nextTick(flush);
}

module.exports = { flush, flushAtEndOfTurn, connectionBegins, connectionEnds, hasConnections, running };
