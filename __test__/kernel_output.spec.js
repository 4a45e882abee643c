'use strict';

// When what was sent leaves, with many connections served in one turn of the loop: together, in order, and
// whatever becomes of the sockets meanwhile. The same must hold on Node's streams.

const assert = require('node:assert');
const path = require('node:path');
const { fork } = require('node:child_process');
const { once } = require('node:events');

const { it } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { httpServer, dial } = require('./support/sides');
const { until } = require('./support/record');
const { TEXT, frame, masked } = require('./support/frames');
const handshakes = require('./support/handshakes');

const FIXTURE = path.join(__dirname, 'fixtures', 'kernel_process.js');

/** `count` open connections of one server: `{ sockets, peers }`, in the same order. */
async function many(t, count, onMessage) {
  const sockets = [];
  const { port } = await httpServer(t, (request, socket, body) => {
    const ws = new WebSocket(request, socket, body);
    ws.on('message', (event) => onMessage(ws, event.data, sockets));
    sockets[Number(request.url.slice(1))] = ws;
  });
  const peers = [];
  for (let i = 0; i < count; i++) {
    peers.push(await dial(t, port, handshakes.request({}, { path: `/${i}` })));
  }
  return { sockets, peers };
}

/** Writes to all, so that the server finds them ready in one turn. */
function say(peers, text) {
  peers.forEach((peer, i) => peer.write(masked(TEXT, `${text} ${i}`)));
}

async function heard(peer, count) {
  const texts = [];
  while (texts.length < count) texts.push((await peer.frame()).payload.toString());
  return texts;
}

it('every connection receives its response, and messages sent by other connections\' listeners in the same turn, in order', async (t) => {
  const { peers } = await many(t, 40, (ws, data, sockets) => {
    ws.send(`own ${data}`);
    sockets[0].send(`for 0: ${data}`);
  });
  say(peers, 'a');
  const texts = await heard(peers[0], 41);
  assert.strictEqual(texts[0], 'own a 0');
  // Each of the others' exactly once.
  assert.strictEqual(new Set(texts).size, 41);
  for (let i = 1; i < peers.length; i++) assert.deepStrictEqual(await heard(peers[i], 1), [`own a ${i}`]);
});

it('large and small messages to one connection keep their order', async (t) => {
  const big = Buffer.alloc(300000, 5);
  let received = 0;
  const { peers } = await many(t, 20, (ws, data, sockets) => {
    received++;
    sockets[0].send(`before ${received}`);
    sockets[0].send(big);
    sockets[0].send(`after ${received}`);
  });
  say(peers, 'x');
  for (let i = 1; i <= 20; i++) {
    assert.strictEqual((await peers[0].frame()).payload.toString(), `before ${i}`);
    assert.ok((await peers[0].frame()).payload.equals(big));
    assert.strictEqual((await peers[0].frame()).payload.toString(), `after ${i}`);
  }
});

it('a peer that does not read loses no message and delays no other peer', async (t) => {
  const filler = 'f'.repeat(50000);
  let sent = 0;
  const { sockets, peers } = await many(t, 3, (ws, data, all) => {
    ws.send(data);
    all[0].send(`${sent++} ${filler}`);
  });
  peers[0].socket.pause();
  while (!sockets[0]._driver._output.isCongested) {
    say(peers.slice(1), 'x');
    for (const [i, peer] of peers.slice(1).entries()) assert.deepStrictEqual(await heard(peer, 1), [`x ${i}`]);
  }
  say(peers.slice(1), 'last');
  await until(() => sent % 2 === 0);
  for (const peer of peers.slice(1)) await heard(peer, 1);
  peers[0].socket.resume();
  for (let i = 0; i < sent; i++) assert.strictEqual((await peers[0].frame()).payload.toString(), `${i} ${filler}`);
});

for (const how of ['close', 'end', 'destroy']) {
  it(`messages leave before another connection's listener calls ${how === 'close' ? 'ws.close' : `socket.${how}`}`, async (t) => {
    const { peers } = await many(t, 10, (ws, data, sockets) => {
      if (ws === sockets[0]) return ws.send('last words');
      if (ws !== sockets[9]) return;
      if (how === 'close') sockets[0].close();
      else sockets[0]._stream[how]();
    });
    say(peers.slice(0, 1), 'x');
    say(peers.slice(1), 'x');
    assert.deepStrictEqual(await heard(peers[0], 1), ['last words']);
  });
}

it('messages leave before the raw write of another connection\'s listener', async (t) => {
  const { peers } = await many(t, 10, (ws, data, sockets) => {
    ws.send(data);
    if (ws !== sockets[9]) return;
    sockets[0]._stream.write(frame(TEXT, 'raw'));
    sockets[0].send('later');
  });
  say(peers, 'x');
  assert.deepStrictEqual(await heard(peers[0], 3), ['x 0', 'raw', 'later']);
});

it('a socket that the application begins to read in the same turn sends the messages before', async (t) => {
  const { peers } = await many(t, 10, (ws, data, sockets) => {
    ws.send(data);
    if (ws === sockets[9]) {
      sockets[0]._stream.on('data', () => {});
      sockets[0].send('later');
    }
  });
  say(peers, 'x');
  const texts = await heard(peers[0], 2);
  assert.deepStrictEqual(texts.sort(), ['later', 'x 0']);
});

it('bufferedAmount is 0 once the turn is over', async (t) => {
  const seen = [];
  const { sockets, peers } = await many(t, 5, (ws, data) => {
    ws.send(data);
    seen.push(ws.bufferedAmount > 0);
    process.nextTick(() => seen.push(ws.bufferedAmount >= 0));
  });
  say(peers, 'x');
  for (const peer of peers) await heard(peer, 1);
  assert.deepStrictEqual(seen, Array(10).fill(true));
  assert.deepStrictEqual(sockets.map((ws) => ws.bufferedAmount), [0, 0, 0, 0, 0]);
});

it('more connections with output than the shared table has places for', { timeout: 60000 }, async (t) => {
  const { peers } = await many(t, 1100, (ws, data, sockets) => {
    for (const socket of sockets) socket.send('to all');
  });
  say(peers.slice(0, 1), 'x');
  for (const peer of peers) assert.deepStrictEqual(await heard(peer, 1), ['to all']);
});

it('a process that exits in a listener first sends the messages of all connections', async (t) => {
  const child = fork(FIXTURE, ['exit-last']);
  const [{ port }] = await once(child, 'message');
  const peers = [];
  for (let i = 0; i < 10; i++) peers.push(await dial(t, port));
  for (const peer of peers) peer.write(masked(TEXT, 'x'));
  for (const peer of peers) assert.deepStrictEqual(await heard(peer, 1), ['x']);
  const [code] = await once(child, 'exit');
  assert.strictEqual(code, 7);
});
