#!/usr/bin/env node
'use strict';

// The Autobahn test suite against this package.
//
//   npm run autobahn -- [--set core|limits|deflate|quick|all] [--quick] [--path NAME]... [--save]
//
// Each path's outcome is compared case by case with expected.json; --save writes that file instead. Exit code 1: an
// outcome differs. 77: the suite cannot be had here.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { SETS, PATHS, isIn } = require('./cases');
const { run, tool } = require('./suite');

const EXPECTED = path.join(__dirname, 'expected.json');

const { values } = parseArgs({
  options: {
    set: { type: 'string', default: 'all' },
    quick: { type: 'boolean', default: false },
    path: { type: 'string', multiple: true, default: [] },
    save: { type: 'boolean', default: false },
  },
});
const setName = values.quick ? 'quick' : values.set;
// The quick set goes to one path of each side: the others differ from it in how bytes come, not in what is said.
const paths = values.path.length > 0 ? values.path : values.quick ? ['kernel', 'client'] : Object.keys(PATHS);

const numbers = (id) => id.split('.').map(Number);
function inOrder([a], [b]) {
  const [left, right] = [numbers(a), numbers(b)];
  return left[0] - right[0] || left[1] - right[1] || (left[2] || 0) - (right[2] || 0);
}

/** One line a case, so that a difference is seen as one. */
function write(expected) {
  const lines = Object.entries(expected).sort(inOrder).map(([id, outcome]) => `  ${JSON.stringify(id)}: ${JSON.stringify(outcome)}`);
  fs.writeFileSync(EXPECTED, `{\n${lines.join(',\n')}\n}\n`);
}

function counts(outcome) {
  const found = {};
  for (const [behaviour] of Object.values(outcome)) found[behaviour] = (found[behaviour] || 0) + 1;
  return Object.entries(found).map(([behaviour, count]) => `${count} ${behaviour}`).join(', ');
}

function differences(outcome, expected) {
  const ids = new Set([...Object.keys(outcome), ...Object.keys(expected).filter((id) => isIn(id, SETS[setName]))]);
  return [...ids].filter((id) => String(outcome[id]) !== String(expected[id]))
    .map((id) => `${id}: ${outcome[id] || 'not run'}, expected ${expected[id] || 'nothing'}`);
}

async function main() {
  try {
    tool();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 77;
    return;
  }
  const expected = fs.existsSync(EXPECTED) ? JSON.parse(fs.readFileSync(EXPECTED, 'utf8')) : {};
  for (const name of paths) {
    const started = Date.now();
    const outcome = await run(name, setName);
    if (values.save) Object.assign(expected, outcome);
    const differing = differences(outcome, expected);
    console.log(`${PATHS[name].side}, ${name}: ${counts(outcome)} of ${Object.keys(outcome).length}; ${differing.length} unexpected; ${((Date.now() - started) / 1000).toFixed(0)} s`);
    for (const line of differing) console.log(`  ${line}`);
    if (differing.length > 0) process.exitCode = 1;
  }
  if (values.save) write(expected);
}

main();
