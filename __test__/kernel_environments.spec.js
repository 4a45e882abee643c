'use strict';

// Several copies of the package in one thread, each with an addon of its own: each ends with its own environment.

const assert = require('node:assert');
const path = require('node:path');
const { execFile } = require('node:child_process');

const { it, describe } = require('./support/spec');

const fixture = (name) => path.join(__dirname, 'fixtures', name);

/** Runs a script of its own; the signal is null unless it was killed, for example by the limit. */
function run(args, limit = 100000) {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { timeout: limit, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr });
    });
  });
}

describe('a worker that is terminated', () => {
  for (const side of ['server', 'client', 'both']) {
    for (const options of side === 'both' ? [{}, { kernelSocket: false }, { deflate: true }] : [{}]) {
      const how = Object.keys(options).length > 0 ? `, ${JSON.stringify(options)}` : '';
      it(`20 times, with connections through two copies: ${side}${how}`, { timeout: 120000 }, async () => {
        const ended = await run([fixture('terminated_workers.js'), JSON.stringify([20, 2, side, options])]);
        assert.deepStrictEqual(ended, { code: 0, signal: null, stdout: 'done\n', stderr: '' });
      });
    }
  }
});
