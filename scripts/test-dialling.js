'use strict';

// The matrix of dialling on each version of Node.js that it is played on: `npm run test:dialling`. Fetches the binaries
// (see node_binary.js), runs the specs in __test__/dialling and prints the matrix: rows by versions, what came of it, and
// who has dialled.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { root } = require('./addon');
const { nodeBinary } = require('./node_binary');

const MAJORS = [20, 22, 24, 26];
const LIMIT = 60 * 60 * 1000; // milliseconds; only a hang gets near it

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dialling-nodes-'));
process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
for (const major of MAJORS) fs.symlinkSync(nodeBinary(major), path.join(folder, `node${major}`));

const report = path.join(folder, 'report');
const specs = fs.readdirSync(path.join(root, '__test__', 'dialling')).map((name) => path.join('__test__', 'dialling', name));
const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', ...specs], {
  cwd: root, stdio: 'inherit', timeout: LIMIT,
  env: { ...process.env, NODE_BINARIES: folder, DIALLING_REPORT: report },
});

function print(lines) {
  const rows = new Map();
  for (const { row, major, dialled, outcome } of lines) {
    if (!rows.has(row)) rows.set(row, {});
    rows.get(row)[major] = `${outcome} (${dialled || 'nobody'})`;
  }
  for (const [row, cells] of rows) {
    const texts = new Set(Object.values(cells));
    process.stdout.write(`${row}\n`);
    if (texts.size === 1) process.stdout.write(`    ${Object.keys(cells).join(', ')}: ${[...texts][0]}\n`);
    else for (const [major, text] of Object.entries(cells)) process.stdout.write(`    ${major}: ${text}\n`);
  }
}

if (fs.existsSync(report)) {
  process.stdout.write('\n=== What came of it, and who has dialled\n');
  print(fs.readFileSync(report, 'utf8').trim().split('\n').map((line) => JSON.parse(line)));
}
process.exitCode = status === 0 ? 0 : 1;
