'use strict';

// npm run test:runtimes: the JavaScript suite on each Node.js that is tested whole, the smoke battery on the other
// runtimes. `npm run test:runtimes -- NAME...` runs some of them: `22`, `bun`, or `smoke:24` for the battery alone.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { root } = require('./addon');
const { bunBinary, denoBinary, nodeBinary } = require('./node_binary');
const { specs, specsOfOtherPaths, testArguments } = require('./specs');

const LIMIT = 60 * 60 * 1000; // milliseconds for one step; each file has a limit of its own, so that only a loop that never yields gets near it
const WHOLE = ['20', '22', '24', '26'];
const SMOKE = ['smoke:18', 'smoke:25', 'smoke:bun', 'smoke:deno'];
const logs = path.join(root, '.cache', 'runtimes', 'logs');

/** Runs a step, its output in a file; returns the line of the matrix. */
function step(name, what, command, args, env = {}) {
  const log = path.join(logs, `${name}-${what}.txt`.replace(/[: ]/g, '_'));
  const started = Date.now();
  const output = fs.openSync(log, 'w');
  const { status, signal } = spawnSync(command, args, {
    cwd: root, timeout: LIMIT, killSignal: 'SIGKILL', stdio: ['ignore', output, output],
    // npm's own variables name another Node than the one under test.
    env: { ...process.env, ...env, PATH: path.dirname(command) + path.delimiter + process.env.PATH },
  });
  fs.closeSync(output);
  const text = fs.readFileSync(log, 'utf8');
  const count = (word) => Number((new RegExp(`^(?:ℹ|#) ${word} (\\d+)$`, 'm').exec(text)
    || new RegExp(`^smoke: .*?(\\d+) ${word}ed`, 'm').exec(text) || [0, 0])[1]);
  const counts = { passed: count('pass'), failed: count('fail'), skipped: count('skipped') };
  const isGood = status === 0 && counts.passed > 0 && counts.failed === 0;
  const row = { runtime: name, what, ...counts, seconds: Math.round((Date.now() - started) / 1000), isGood };
  process.stdout.write(`${isGood ? 'passed' : 'FAILED'}  ${name}: ${what}, ${row.passed} passed, ${row.failed} failed, `
    + `${row.skipped} skipped in ${row.seconds} s${signal ? ` (ended by ${signal})` : ''}\n`);
  if (!isGood) {
    const failures = text.split('\n').filter((line) => /^\s*(✖|not ok|FAILED) /.test(line));
    process.stdout.write([...new Set(failures)].slice(0, 20).map((line) => `        ${line.trim()}\n`).join('')
      + `        (${path.relative(root, log)})\n`);
  }
  return row;
}

function whole(major) {
  const node = nodeBinary(major);
  const files = specs();
  return [
    step(`Node ${major}`, 'specs', node, testArguments(files, Number(major))),
    step(`Node ${major}`, 'specs on the other paths', node, testArguments(specsOfOtherPaths(files), Number(major)),
      { FAYE_WEBSOCKET_KERNEL_SOCKET: '0' }),
  ];
}

function smoke(runtime) {
  const file = path.join('__test__', 'smoke.js');
  if (runtime === 'bun') return [step('Bun', 'smoke', bunBinary(), [file])];
  if (runtime === 'deno') return [step('Deno', 'smoke', denoBinary(), ['run', '--allow-all', file])];
  return [step(`Node ${runtime}`, 'smoke', nodeBinary(runtime), [file])];
}

fs.mkdirSync(logs, { recursive: true });
const asked = process.argv.slice(2).map((name) => (
  WHOLE.includes(name) || name.startsWith('smoke:') ? name : `smoke:${name}`));
const rows = (asked.length > 0 ? asked : [...WHOLE, ...SMOKE]).flatMap((name) => (
  name.startsWith('smoke:') ? smoke(name.slice(6)) : whole(name)));
const bad = rows.filter(({ isGood }) => !isGood);
process.stdout.write(`\n${rows.length - bad.length} passed, ${bad.length} failed\n`);
process.exitCode = bad.length === 0 ? 0 : 1;
