#!/usr/bin/env node
'use strict';

// Hostile peers against this package, or against others.
//
//   npm run hostile -- [--peer ws|original]... [--path NAME]... [--row NUMBER or TEXT]... [--bounded] [--quiet]
//
// Each row of rows/ is played on each path (paths.js), in one piece and byte by byte. The table says what came of
// it, the longest time that the process did not look at its event loop, and its resident memory. With --peer the
// same is done to another package and the tables stand side by side. The exit code is 1 when this package does
// not do what its rows expect; nothing is expected of others.

const { parseArgs } = require('node:util');

const { Attack, plan, faults } = require('./attack');
const { PATHS, pathsOf } = require('./paths');
const { markdown } = require('./table');

const { values } = parseArgs({
  options: {
    peer: { type: 'string', multiple: true, default: [] },
    path: { type: 'string', multiple: true, default: [] },
    row: { type: 'string', multiple: true, default: [] },
    bounded: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
    only: { type: 'boolean', default: false },
  },
});

function check(names, known, what) {
  for (const name of names) if (!known.includes(name)) throw new Error(`${what} is one of ${known.join(', ')}, not ${name}`);
}

const wanted = (row) => values.row.length === 0 || values.row.some((text) => row.row === text || row.title.includes(text) || (row.ids || []).some((id) => id.includes(text)));

async function attack(packageName) {
  const outcomes = [];
  const failures = [];
  for (const pathName of pathsOf(packageName).filter((name) => values.path.length === 0 || values.path.includes(name))) {
    const attack = new Attack(packageName, pathName, values);
    for (const { row, way } of plan(pathName, wanted)) {
      const started = Date.now();
      const outcome = await attack.play(row, way);
      outcomes.push(outcome);
      const wrong = packageName === 'ours' ? faults(outcome) : [];
      if (!values.quiet) {
        console.error(`${packageName} ${pathName} ${way} ${row.row} ${row.title}: ${wrong.length ? 'FAILED' : 'done'} in ${Date.now() - started} ms`);
      }
      for (const fault of wrong) failures.push(`${pathName}, ${way}, row ${row.row}, ${row.title}: ${fault}`);
    }
    await attack.end();
  }
  return { outcomes, failures };
}

async function main() {
  check(values.peer, ['ws', 'original'], 'A peer');
  check(values.path, Object.keys(PATHS), 'A path');
  const outcomes = new Map();
  let failures = [];
  // --only leaves this package out.
  for (const name of values.only ? values.peer : ['ours', ...values.peer]) {
    const attacked = await attack(name);
    outcomes.set(name, attacked.outcomes);
    failures = failures.concat(attacked.failures);
  }
  console.log(markdown(outcomes));
  if (failures.length) console.log(`\n${failures.join('\n')}`);
  console.log(`\n${[...outcomes.values()].flat().length} plays, ${failures.length} faults`);
  process.exitCode = failures.length ? 1 : 0;
}

main();
