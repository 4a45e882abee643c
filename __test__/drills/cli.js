#!/usr/bin/env node
'use strict';

// Drills with threads that come and go.
//
//   npm run drill -- [NAME]... [--rounds N] [--repeats N]
//
// Names and sizes are in drills.js. Exit code 1: a process ended by a signal, with an error, or not in time.
//
// Node 20 ended `together` with SIGABRT once in 67 runs: `NodePlatform::ForIsolate`, called by a background compilation, did
// not find the isolate of a thread that was ending. Between unregistering an isolate and disposing of it Node has such a gap
// (nodejs/node#31853); no frame of the addon was on the stack.

const { parseArgs } = require('node:util');

const { DRILLS, play } = require('./drills');

/** Seconds. */
const SILENCE = 120;

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string' }, repeats: { type: 'string' } }, allowPositionals: true,
});

async function main() {
  for (const name of positionals.length > 0 ? positionals : Object.keys(DRILLS)) {
    const { rounds, repeats = 1 } = DRILLS[name];
    const size = Number(values.rounds || rounds);
    for (let i = 0; i < Number(values.repeats || repeats); i++) {
      const started = Date.now();
      const end = await play(name, size, SILENCE);
      console.log(`${name}, ${size} round${size > 1 ? 's' : ''}: ${end}, ${((Date.now() - started) / 1000).toFixed(1)} s`);
      if (end !== 'exit 0') process.exitCode = 1;
    }
  }
}

main();
