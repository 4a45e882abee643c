'use strict';

const LIMIT = 5000; // milliseconds; only an implementation that hangs gets there

const turn = () => new Promise((resolve) => { setImmediate(resolve); });

async function turns(count) {
  for (let i = 0; i < count; i++) await turn();
}

/** Lets the event loop turn until the condition holds; resolves with false when it never does. */
async function until(condition) {
  const deadline = Date.now() + LIMIT;
  while (!condition()) {
    if (Date.now() > deadline) return false;
    await turn();
  }
  return true;
}

module.exports = { turns, until };
