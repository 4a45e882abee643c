'use strict';

// What no drill may do is end by a signal, or not at all.

const path = require('node:path');
const { fork } = require('node:child_process');
const { once } = require('node:events');

/**
 * The drills: how many rounds the whole and the bounded form have, how often they are repeated in processes of
 * their own, and within how many seconds each has to end.
 */
const DRILLS = {
  rounds: { rounds: 1000, bounded: 15, seconds: 600 },
  early: { rounds: 300, bounded: 10, seconds: 600 },
  inflating: { rounds: 100, bounded: 4, seconds: 600 },
  copies: { rounds: 100, bounded: 4, seconds: 600 },
  together: { rounds: 200, bounded: 12, seconds: 200 },
  beside: { rounds: 20, bounded: 1, seconds: 600 },
  exit: { rounds: 1, bounded: 1, repeats: 50, boundedRepeats: 2, seconds: 60 },
};

/**
 * @returns {Promise<string>} `exit 0`, or how the process ended instead
 */
async function play(name, rounds, seconds) {
  const child = fork(path.join(__dirname, 'rounds.js'), [name, rounds]);
  const timer = setTimeout(() => child.kill('SIGABRT'), seconds * 1000);
  const [code, signal] = await once(child, 'exit');
  clearTimeout(timer);
  return signal ? `${signal}${signal === 'SIGABRT' ? ` (perhaps after ${seconds} s)` : ''}` : `exit ${code}`;
}

module.exports = { DRILLS, play };
