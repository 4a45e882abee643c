'use strict';

// A TLS server that sends records without data for as long as it likes: a client's event loop goes on turning.

const assert = require('node:assert');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');

const { it, describe } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { block } = require('./support/blocked_loop');
const { next } = require('./support/record');
const { hasLoop } = require('./support/paths');
const { ca } = require('./support/network');

const MIB = 1024 * 1024;

/** Blocks this thread: meanwhile the kernel takes what the other process sends. */

describe('a flood of records without data', () => {
  for (const [dialled, settings] of [['by default', {}], ['through Node', { kernelSocket: false }]]) {
    for (const kind of ['KeyUpdate', 'NewSessionTicket']) {
      it(`${kind}: a client dialled ${dialled} has its turns, and then the message behind it`, async (t) => {
        const server = fork(path.join(__dirname, 'fixtures', 'tls_flood.js'), [kind, String(MIB)]);
        t.after(() => server.kill());
        const [port] = await once(server, 'message');
        const ws = new WebSocket.Client(`wss://127.0.0.1:${port}/`, [], { tls: { ca }, ...settings });
        t.after(() => ws._stream.destroy());
        await Promise.all([next(ws, 'open'), once(server, 'message')]);
        const arrived = next(ws, 'message');
        await new Promise((resolve) => server.send('go', resolve));
        block(1000);
        let turns = 0;
        let isOver = false;
        const count = () => {
          turns++;
          if (!isOver) setImmediate(count);
        };
        setImmediate(count);
        const { data } = await arrived;
        isOver = true;
        assert.strictEqual(data, 'after the flood');
        // Of 1 MiB no turn of ours takes more than 64 KiB. Node's take what libuv reads in one.
        if (dialled === 'by default' && hasLoop) assert.ok(turns >= 12, `${turns} turns`);
      });
    }
  }
});
