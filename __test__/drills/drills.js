'use strict';

// What no drill may do is end by a signal, or not at all.

const path = require('node:path');
const { fork } = require('node:child_process');
const { once } = require('node:events');

/** The drills: how many rounds the whole and the bounded form have, and how often they are repeated in processes of their own. */
const DRILLS = {
  rounds: { rounds: 1000, bounded: 15 },
  early: { rounds: 300, bounded: 10 },
  inflating: { rounds: 100, bounded: 4 },
  copies: { rounds: 100, bounded: 4 },
  together: { rounds: 200, bounded: 12 },
  'exit-together': { rounds: 200, bounded: 12 },
  beside: { rounds: 20, bounded: 1 },
  exit: { rounds: 1, bounded: 1, repeats: 50, boundedRepeats: 2 },
};

/**
 * @param {string} name of `DRILLS`
 * @param {number} rounds
 * @param {number} silence seconds without a thread that begins or ends after which it hangs: a machine may be slow
 * @returns {Promise<string>} `exit 0`, or how the process ended instead
 */
async function play(name, rounds, silence) {
  const child = fork(path.join(__dirname, 'rounds.js'), [name, rounds]);
  const counts = { begun: 0, ended: 0 };
  let hangs = false;
  const timer = setTimeout(() => {
    hangs = true;
    child.kill('SIGABRT');
  }, silence * 1000);
  child.on('message', (what) => {
    counts[what]++;
    timer.refresh();
  });
  const [code, signal] = await once(child, 'exit');
  clearTimeout(timer);
  if (hangs) return `nothing for ${silence} s, ${counts.begun} threads begun and ${counts.ended} ended`;
  return signal || `exit ${code}`;
}

module.exports = { DRILLS, play };
