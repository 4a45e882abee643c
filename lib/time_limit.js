'use strict';

const { performance } = require('perf_hooks');
// Not the global function, which test runners replace.
const { setImmediate } = require('timers');

const LONGEST_TIMEOUT = require('./longest_timeout');

/** A timer that fires more than so many milliseconds late shows that the loop was blocked. */
const MOST_LATE = 100;

/**
 * Has `then` called when a peer has had `milliseconds`. If the loop was blocked at their end, the time by which they are
 * exceeded is given once more, as input of the peer could not be read in it; and the loop polls once more before the call, so
 * that input which waits in the system is read.
 *
 * @param {number} milliseconds more than `LONGEST_TIMEOUT` is taken as that
 * @param {() => void} then asks whether the limit still applies
 * @param {(timer: NodeJS.Timeout) => void} keep takes the timer to be cleared; called again when another one is set
 */
function setTimeLimit(milliseconds, then, keep) {
  const wait = Math.min(milliseconds, LONGEST_TIMEOUT);
  const due = performance.now() + wait;
  keep(setTimeout(() => {
    const late = performance.now() - due;
    if (late > MOST_LATE) keep(setTimeout(setImmediate, late, then));
    else setImmediate(then);
  }, wait));
}

module.exports = { MOST_LATE, setTimeLimit };
