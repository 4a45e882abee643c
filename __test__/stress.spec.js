'use strict';

// Listeners that throw, transfer, pause, collect garbage, send and run the event loop, all of it at random and on
// every path: each byte arrives once and in order all the same. FAYE_WEBSOCKET_STRESS=SEED,SECONDS for others than
// the seed and the time that are used here.

const assert = require('node:assert');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');

const { it } = require('./support/spec');
const { names } = require('./support/paths');

const FIXTURE = path.join(__dirname, 'fixtures', 'stress_process.js');
const [seed, seconds] = (process.env.FAYE_WEBSOCKET_STRESS || '1,4').split(',').map(Number);

for (const name of names) {
  it(`${name}, seed ${seed}`, { timeout: seconds * 1000 + 100000 }, async () => {
    const child = spawn(process.execPath, ['--expose-gc', FIXTURE, name, seed, seconds]);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
    const [code, signal] = await once(child, 'close');
    assert.deepStrictEqual([code, signal], [0, null], output);
    const counts = JSON.parse(output);
    for (const [what, count] of Object.entries(counts)) assert.ok(count > 0 || what === 'turns', `no ${what}: ${output}`);
  });
}
