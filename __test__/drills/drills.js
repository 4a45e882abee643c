'use strict';

// What no drill may do is end by a signal, or not at all.

const fs = require('node:fs');
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
  // At its end a process stops its workers one after the other, and waits for each while the rest goes on (Node's
  // Environment::stop_sub_worker_contexts): with busy ones that takes a time that grows with the square of their number, 80 s
  // of CPU time for 50, whatever runs in them.
  'exit-together': { rounds: 50, bounded: 12 },
  beside: { rounds: 20, bounded: 1 },
  exit: { rounds: 1, bounded: 1, repeats: 50, boundedRepeats: 2 },
};

/** How many threads a process has; Infinity where the system does not say. */
function threads(pid) {
  try {
    return fs.readdirSync(`/proc/${pid}/task`).length;
  } catch {
    return Infinity;
  }
}

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
  let fewest = Infinity;
  child.on('message', (what) => {
    counts[what]++;
    fewest = Infinity;
    timer.refresh();
  });
  // Threads that the end of the process ends send no message.
  const watch = setInterval(() => {
    const now = threads(child.pid);
    if (now < fewest) timer.refresh();
    fewest = Math.min(now, fewest);
  }, 1000);
  const [code, signal] = await once(child, 'exit');
  clearTimeout(timer);
  clearInterval(watch);
  if (hangs) return `nothing for ${silence} s, ${counts.begun} threads begun and ${counts.ended} ended`;
  return signal || `exit ${code}`;
}

module.exports = { DRILLS, play };
