'use strict';

const cell = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this thread, and so its event loop, for so many milliseconds. */
const block = (milliseconds) => Atomics.wait(cell, 0, 0, milliseconds);

/** Blocks the loop after it has polled and before it calls timers: what comes meanwhile is polled for after them. */
const blockBeforeTimers = (milliseconds) => setImmediate(block, milliseconds);

module.exports = { block, blockBeforeTimers };
