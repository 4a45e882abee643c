'use strict';

const { writeAtEndOfTurn, writeMarked } = require('./driver/marks');

/**
 * Whatever is sent in one turn of the event loop leaves in one write: drivers with output queue up
 * here and are flushed when the running callback is done, before the loop waits again.
 */
const waiting = [];

/** The driver whose listeners are running: it is flushed when they are done, or never return. */
const running = { driver: null };

let listening = false;

/** The first of them that was not flushed yet, while others are. */
let next = 0;

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

/** `ws.send(x); process.exit()` has always delivered x. */
function flushAtExit() {
  if (listening) return;
  listening = true;
  process.on('exit', () => {
    if (running.driver !== null) running.driver.flush();
    flush();
    writeMarked();
  });
}

/** Has `driver.flush()` called at the end of the turn. */
function flushAtEndOfTurn(driver) {
  if (waiting.push(driver) === 1) process.nextTick(flush);
}

module.exports = { flush, flushAtEndOfTurn, flushAtExit, running };
