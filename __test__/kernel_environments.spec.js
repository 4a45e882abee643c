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

describe('a copy of the package that is used no more', () => {
  const HOW = { anew: 'loaded anew with its addon', shared: 'over the same addon', context: 'in a context of its own' };
  for (const [how, words] of Object.entries(HOW)) {
    for (const [name, traffic, options] of [
      ['required only', false, {}],
      ['with traffic', true, {}],
      ['with compressed traffic', true, { deflate: true }],
      ['with traffic through streams', true, { kernelSocket: false }],
    ]) {
      it(`leaves nothing: ${words}, ${name}`, { timeout: 120000 }, async () => {
        const { stdout, stderr, signal } = await run(['--expose-gc', fixture('reloads.js'), JSON.stringify([20, how, traffic, options])]);
        assert.deepStrictEqual([stderr, signal], ['', null]);
        const left = JSON.parse(stdout);
        // The last one is still there, and is a twentieth of each figure.
        assert.ok(left.alive <= 2, `${left.alive} of 25 copies are alive`);
        assert.ok(left.heap < 100000, `${left.heap} bytes of heap for each`);
        assert.ok(left.external < 20000, `${left.external} bytes outside the heap for each`);
        assert.deepStrictEqual([left.listeners, left.warnings], [0, []]);
      });
    }
  }
});

describe('open handles, as test runners find them', () => {
  const isPast = ['linux', 'darwin'].includes(process.platform) && process.env.FAYE_WEBSOCKET_KERNEL_SOCKET !== '0';
  for (const kernelSocket of [true, false]) {
    for (const [what, expected] of [
      ['require', []],
      ['open', kernelSocket && isPast ? ['FAYE_WEBSOCKET', 'FAYE_WEBSOCKET'] : []],
      ['closed', []],
    ]) {
      it(`${what}, kernelSocket: ${kernelSocket}`, { timeout: 60000 }, async () => {
        const { stdout, stderr } = await run([fixture('open_handles.js'), JSON.stringify([what, kernelSocket])]);
        assert.deepStrictEqual([stdout, stderr], [`${JSON.stringify(expected)}\n`, '']);
      });
    }
  }
});
