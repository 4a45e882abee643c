'use strict';

/**
 * What `require` costs: CPU time and resident memory that the package adds to a process which has loaded `http`, `https`
 * and `tls`. Ours as it is published, by its addon and as WebAssembly, and as it is in the checkout, beside the original
 * and ws; one process of each in turn, medians.
 *
 *   node bench/start.js [PROCESSES]        # of the Node.js that runs this
 */

const { execFileSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const { stage } = require('../scripts/stage');

const PROGRAM = `
for (const name of ['http', 'https', 'tls']) require(name);
const [before, memory] = [process.cpuUsage(), process.memoryUsage.rss()];
require(process.argv[1]);
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify([(user + system) / 1e3, (process.memoryUsage.rss() - memory) / 1e6]));`;

const root = path.join(__dirname, '..');
const processes = Number(process.argv[2] || 21);

/** The published package, with its binary in the place where one that was built lies. */
const publish = (to) => {
  stage({ to });
  const folder = path.join(to, 'faye-websocket-rs');
  for (const name of fs.readdirSync(path.join(root, 'lib')).filter((file) => file.endsWith('.node'))) {
    fs.copyFileSync(path.join(root, 'lib', name), path.join(folder, 'lib', name));
  }
  return folder;
};

const median = (values) => values.sort((one, other) => one - other)[values.length >> 1];

const to = fs.mkdtempSync(path.join(os.tmpdir(), 'start-'));
try {
  const published = publish(to);
  const ways = [
    ['published', published], ['published, WebAssembly', published, { FAYE_WEBSOCKET_WASM: '1' }], ['checkout', root],
    ['faye-websocket', path.join(root, 'node_modules', 'faye-websocket')], ['ws', path.join(root, 'node_modules', 'ws')]
  ].map(([name, file, env]) => ({ name, file, env: { ...process.env, ...env }, costs: [] }));
  for (let i = 0; i < processes; i++) {
    for (const { file, env, costs } of ways) {
      costs.push(JSON.parse(execFileSync(process.execPath, ['-e', PROGRAM, file], { env, encoding: 'utf8' })));
    }
  }
  for (const { name, costs } of ways) {
    const [time, memory] = [0, 1].map((index) => median(costs.map((cost) => cost[index])).toFixed(1));
    process.stdout.write(`${name.padEnd(24)}${time.padStart(6)} ms CPU time${memory.padStart(6)} MB\n`);
  }
} finally {
  fs.rmSync(to, { recursive: true, force: true });
}
