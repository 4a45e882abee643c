'use strict';

// Peers that fragment, in the hands of implementations that are not ours: ws
// in both roles, and the WebSocket built into newer versions of Node.

const assert = require('node:assert');
const { once } = require('node:events');
const ws = require('ws');

const { it } = require('../support/spec');
const { WebSocket } = require('../support/package_under_test');
const { httpServer } = require('../support/sides');
const { next, until } = require('../support/record');
const { sameBytes } = require('../support/bytes');

const TEXT = 'in mehreren Stücken \u{1f600}';

/** Sends a text and a binary message in fragments, a ping between them. */
function sendFragments(peer) {
  const bytes = Buffer.from(TEXT);
  for (let i = 0; i < bytes.length; i += 3) {
    peer.send(bytes.subarray(i, i + 3), { binary: false, fin: i + 3 >= bytes.length });
    if (i === 6) peer.ping('between');
  }
  peer.send(Buffer.alloc(70000, 1), { binary: true, fin: false });
  peer.send(Buffer.alloc(0), { binary: true, fin: false });
  peer.send(Buffer.alloc(30000, 2), { binary: true, fin: true });
}

function assertWhole(got) {
  assert.strictEqual(got[0], TEXT);
  sameBytes(got[1], Buffer.concat([Buffer.alloc(70000, 1), Buffer.alloc(30000, 2)]));
}

it('ws, fragmenting, as a client', async (t) => {
  const got = [];
  const { port } = await httpServer(t, (request, socket, head) => {
    new WebSocket(request, socket, head).on('message', ({ data }) => got.push(data));
  });
  const peer = new ws.WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
  t.after(() => peer.terminate());
  await once(peer, 'open');
  const ponged = once(peer, 'pong');
  sendFragments(peer);
  assert.strictEqual(String((await ponged)[0]), 'between');
  await until(() => got.length === 2);
  assertWhole(got);
});

it('ws, fragmenting, as a server', async (t) => {
  const server = new ws.WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  t.after(() => server.close());
  await once(server, 'listening');
  const ponged = new Promise((resolve) =>
    server.on('connection', (peer) => {
      peer.on('pong', (data) => resolve(String(data)));
      sendFragments(peer);
    })
  );
  const client = new WebSocket.Client(`ws://127.0.0.1:${server.address().port}/`);
  t.after(() => client.close());
  const got = [];
  client.on('message', ({ data }) => got.push(data));
  await until(() => got.length === 2);
  assertWhole(got);
  assert.strictEqual(await ponged, 'between');
});

for (const [code, reason] of [
  [1000, 'done'],
  [3000, 'ünï'],
  [4999, '']
]) {
  it(`ws sees our close with ${code}, and we see its own`, async (t) => {
    let served;
    const made = new Promise((resolve) => (served = resolve));
    const { port } = await httpServer(t, (request, socket, head) => served(new WebSocket(request, socket, head)));
    for (const first of ['ours', 'theirs']) {
      const peer = new ws.WebSocket(`ws://127.0.0.1:${port}/`);
      t.after(() => peer.terminate());
      await once(peer, 'open');
      const server = first === 'ours' ? await made : null;
      if (!server) {
        const closed = once(peer, 'close');
        peer.close(code, reason);
        const [got, text] = await closed;
        assert.deepStrictEqual([got, String(text)], [code, reason]);
        continue;
      }
      const closed = once(peer, 'close');
      const event = next(server, 'close');
      server.close(code, reason);
      const [got, text] = await closed;
      assert.deepStrictEqual([got, String(text)], [code, reason]);
      // ws echoes the code without the reason.
      assert.strictEqual((await event).code, code);
    }
  });
}

const builtIn = globalThis.WebSocket;

it("Node's own WebSocket as a client", { skip: builtIn ? false : `Node ${process.version} has none` }, async (t) => {
  const { port } = await httpServer(t, (request, socket, head) => {
    const server = new WebSocket(request, socket, head, ['echo']);
    server.pipe(server);
  });
  const peer = new builtIn(`ws://127.0.0.1:${port}/`, 'echo');
  peer.binaryType = 'arraybuffer';
  const got = [];
  peer.onmessage = ({ data }) => got.push(typeof data === 'string' ? data : Buffer.from(data));
  await new Promise((resolve, reject) => {
    peer.onopen = resolve;
    peer.onerror = reject;
  });
  assert.strictEqual(peer.protocol, 'echo');
  const sent = ['', TEXT, Buffer.from([0, 255]), 'x'.repeat(300000), Buffer.alloc(300000, 7)];
  for (const message of sent) peer.send(message);
  await until(() => got.length === sent.length);
  assert.deepStrictEqual(got, sent);
  const closed = new Promise((resolve) => (peer.onclose = resolve));
  peer.close(3001, 'bye');
  const { code, wasClean } = await closed;
  assert.deepStrictEqual([code, wasClean], [3001, true]);
});
