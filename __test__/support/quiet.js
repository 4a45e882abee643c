'use strict';

// Timeouts of a socket, judged by when its bytes moved: a machine that stands still for a moment makes none of them early.

const assert = require('node:assert');
const { once } = require('node:events');
const { setTimeout: delay } = require('node:timers/promises');

/** Milliseconds by which Node's timers come too early. */
const ROUNDING = 2;

/**
 * Fails unless the socket says 'timeout' when nothing has moved for so long, and never sooner.
 *
 * @param {net.Socket} socket
 * @param {number} milliseconds of its timeout
 * @param {() => Promise<unknown>} move has bytes move; what it returns resolves when they have
 */
async function timesOutWhenQuiet(socket, milliseconds, move) {
  let moved = performance.now();
  const early = [];
  socket.on('timeout', () => {
    const passed = performance.now() - moved;
    if (passed < milliseconds - ROUNDING) early.push(passed);
  });
  socket.setTimeout(milliseconds);
  // In steps that are shorter than the timeout, for longer than it.
  for (let i = 0; i < 10; i++) {
    await delay(milliseconds / 5);
    const began = performance.now();
    await move();
    moved = began;
  }
  await once(socket, 'timeout');
  assert.deepStrictEqual(early, []);
}

module.exports = { timesOutWhenQuiet };
