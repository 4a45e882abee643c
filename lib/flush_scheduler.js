'use strict';

/** @import Output from './driver/output' */

const { writeAtEndOfTurn, writeDirty } = require('./driver/dirty_list');

/**
 * Whatever is sent in one turn of the event loop leaves in one write: outputs that have something queue up
 * here and are flushed when the running callback is done, before the loop waits again.
 */
const waiting = /** @type {Output[]} */ ([]);

/**
 * The output of the driver whose listeners are running: it is flushed when they are done, or never return. And whether the
 * process is about to end: there will be no end of the turn, and what is sent leaves at once.
 */
const running = { output: /** @type {Output | null} */ (null), isExiting: false };

/** The first of them that was not flushed yet, while others are. */
let next = 0;

/** Writes what waits for the end of the turn. */
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

/** Connections of this copy of the package; while there are any, it listens for the end of the process. */
let connections = 0;

/** `ws.send(x); process.exit()` has always delivered x. */
function onExit() {
  running.isExiting = true;
  if (running.output !== null) running.output.flush();
  flush();
  writeDirty();
}

/** There is another connection. */
function connectionBegins() {
  if (++connections > 1) return;
  // Copies of the package, of which there may be many, are not what the warning about listeners is for.
  const most = process.getMaxListeners();
  process.setMaxListeners(0);
  process.on('exit', onExit);
  process.setMaxListeners(most);
}

/** A connection has been forgotten. */
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
