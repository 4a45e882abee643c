'use strict';

// The path past Node's streams in processes that get their sockets from others, or have no descriptor to spare.

const assert = require('node:assert');
const path = require('node:path');
const { fork, spawn } = require('node:child_process');
const { once } = require('node:events');

const { it } = require('./support/spec');
const { countedDescriptors } = require('./support/node');
const { dial } = require('./support/sides');
const { TEXT, masked } = require('./support/frames');

const fixture = (name) => path.join(__dirname, 'fixtures', name);
const isLinux = process.platform === 'linux';
const isPast = ['linux', 'darwin'].includes(process.platform) && process.env.FAYE_WEBSOCKET_KERNEL_SOCKET !== '0';

async function echo(peer, text) {
  peer.write(masked(TEXT, text));
  return (await peer.frame()).payload.toString();
}

for (const policy of ['SCHED_RR', 'SCHED_NONE']) {
  it(`workers of a cluster serve the sockets they get: ${policy}`, { timeout: 60000 }, async (t) => {
    const child = fork(fixture('cluster_server.js'), [policy]);
    t.after(() => child.disconnect());
    const [{ port }] = await once(child, 'message');
    const pids = new Set();
    for (let i = 0; i < 6; i++) {
      const peer = await dial(t, port);
      const [pid, past, text] = (await echo(peer, `${i}`)).split(' ');
      assert.deepStrictEqual([past, text], [`${isPast}`, `${i}`]);
      pids.add(pid);
    }
    // Where the primary hands them out, it takes turns.
    if (policy === 'SCHED_RR') assert.strictEqual(pids.size, 2);
  });
}

for (const spare of [1, 2]) {
  it(`a process with ${spare} descriptor${spare > 1 ? 's' : ''} to spare serves a connection`, { skip: !isLinux && 'needs ulimit and /dev/null', timeout: 60000 }, async (t) => {
    const script = `ulimit -n 128; exec "$0" "$1" ${spare}`;
    const child = spawn('/bin/sh', ['-c', script, process.execPath, fixture('exhausted_server.js')], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: countedDescriptors(),
    });
    t.after(() => child.disconnect());
    const [{ port }] = await once(child, 'message');
    const peer = await dial(t, port);
    for (const text of ['a', 'b']) assert.strictEqual(await echo(peer, text), text);
  });
}
