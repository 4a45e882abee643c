'use strict';

// Writes down what a socket tells its listeners, in order.

const FIELDS = {
  open: () => ['open'],
  data: (data) => ['data', data],
  message: (event) => ['message', event.data],
  error: (event) => ['error', event.message],
  end: () => ['end'],
  close: (event) => ['close', event.code, event.reason]
};

/**
 * @param {object} ws
 * @param {string[]} [types] default: everything but 'data'
 * @returns {Array<Array>} grows as events come
 */
function record(ws, types = ['open', 'message', 'error', 'end', 'close']) {
  const log = [];
  for (const type of types) ws.on(type, (argument) => log.push(FIELDS[type](argument)));
  return log;
}

/** Resolves at the next event of that type with its argument. */
function next(emitter, type) {
  return new Promise((resolve) => emitter.once(type, resolve));
}

const PATIENCE = 50000; // milliseconds, below the deadline of a test

/** Resolves once a condition holds, looked at in every turn of the loop. */
async function until(condition) {
  const start = Date.now();
  while (!condition()) {
    if (Date.now() - start > PATIENCE) throw new Error(`never came true: ${condition}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

module.exports = { record, next, until };
