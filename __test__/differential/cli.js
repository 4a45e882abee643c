#!/usr/bin/env node
'use strict';

// Differential test against the original package.
//
//   node __test__/differential/cli.js [--mode memory|tcp|client|deflate|all] [--seed N] [--seeds N] [--from N] [--cases N]
//                                     [--show N] [--original PACKAGE] [--candidate FOLDER]
//
// --seeds runs that many seeds, beginning with --seed; --original takes what require() takes from the current
// folder. With the original as the candidate nothing may differ: that tests the tool.

const { parseArgs } = require('node:util');
const { compare, modes, report } = require('./compare');
const { loadCandidate, loadOriginal } = require('./implementations');

const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: 'all' },
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    cases: { type: 'string', default: '2000' },
    show: { type: 'string', default: '5' },
    original: { type: 'string' },
    candidate: { type: 'string' },
  },
});

async function main() {
  const original = loadOriginal(values.original);
  const candidate = loadCandidate(values.candidate);
  const chosen = values.mode === 'all' ? Object.keys(modes) : [values.mode];
  let same = 0;
  let all = 0;
  for (const mode of chosen) {
    for (let seed = Number(values.seed); seed < Number(values.seed) + Number(values.seeds); seed++) {
      const differing = [];
      const range = { mode, seed, from: Number(values.from), cases: Number(values.cases) };
      const counts = await compare(original, candidate, range, (difference) => {
        differing.push(difference.test.index);
        if (differing.length <= Number(values.show)) console.log(report(difference));
      });
      const rows = [...counts].sort().map(([kind, count]) => `${kind} ${count.same}/${count.all}`);
      console.log(`${mode}, seed ${seed}: ${rows.join(', ')}`);
      if (differing.length) console.log(`  differing: ${differing.slice(0, 60).join(' ')}`);
      for (const count of counts.values()) {
        same += count.same;
        all += count.all;
      }
    }
  }
  console.log(`${same} passed, ${all - same} failed`);
  process.exit(same === all ? 0 : 1);
}

main();
