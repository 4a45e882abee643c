'use strict';

// Sockets that are sent to another process while a connection of ours is on them.

const assert = require('node:assert');
const http = require('node:http');
const path = require('node:path');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

const { it } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { openServer, dial } = require('./support/sides');
const { record, next } = require('./support/record');
const { TEXT, masked } = require('./support/frames');

async function heir(t) {
  const child = fork(path.join(__dirname, 'fixtures', 'heir.js'));
  // Not `disconnect`, which Node does not survive while the other process still has to say that it got a socket.
  t.after(() => child.kill());
  await once(child, 'message');
  return child;
}

/** Sends the socket away; resolves once the other process has it. */
function depart(child, socket) {
  return new Promise((resolve) => child.send('yours', socket, resolve));
}

for (const settings of [{}, { kernelSocket: false }]) {
  const how = settings.kernelSocket === false ? 'through Node\'s streams' : 'by default';

  it(`messages leave first, and later input is read by the other process: ${how}`, async (t) => {
    const child = await heir(t);
    const { ws, peer, socket } = await openServer(t, { settings });
    const log = record(ws);
    ws.send('last words');
    const heard = once(child, 'message');
    depart(child, socket);
    const hello = masked(TEXT, 'hello');
    peer.write(hello);
    const [{ read }] = await heard;
    assert.strictEqual(read, hello.toString('hex'));
    assert.strictEqual((await peer.frame()).payload.toString(), 'last words');
    assert.strictEqual((await peer.frame()).payload.toString(), 'from the heir');
    assert.deepStrictEqual(log, []);
    assert.strictEqual(ws.readyState, 1);
  });

  it(`the same for a socket with a 'data' listener: ${how}`, async (t) => {
    const child = await heir(t);
    const { ws, peer, socket } = await openServer(t, { settings });
    socket.on('data', () => {});
    ws.send('last words');
    await depart(child, socket);
    peer.write(masked(TEXT, 'hello'));
    assert.strictEqual((await peer.frame()).payload.toString(), 'last words');
    assert.strictEqual((await peer.frame()).payload.toString(), 'from the heir');
  });

  it(`sending afterwards reports that the socket is closed: ${how}`, async (t) => {
    const child = await heir(t);
    const { ws, peer, socket } = await openServer(t, { settings });
    await depart(child, socket);
    const log = record(ws);
    assert.strictEqual(ws.send('too late'), false);
    await next(ws, 'close');
    assert.deepStrictEqual(log, [
      ['error', `Network error: ${ws.url}: Socket is closed`], ['end'], ['close', 1006, ''],
    ]);
    peer.write(masked(TEXT, 'hello'));
    assert.strictEqual((await peer.frame()).payload.toString(), 'from the heir');
  });

  it(`the connection frees its session when it is collected: ${how}`, async (t) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc');
    const child = await heir(t);
    const ids = new Set();
    let reused = false;
    const server = http.createServer().on('upgrade', (request, socket, body) => {
      const { _driver: driver } = new WebSocket(request, socket, body, null, settings);
      reused = ids.has(driver._id);
      ids.add(driver._id);
      server.once('depart', (done) => child.send('yours', socket, done));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    // As long as nothing is given back, every session has a number of its own.
    while (!reused) {
      await dial(t, server.address().port);
      await new Promise((resolve) => server.emit('depart', resolve));
      collect();
    }
    server.close();
  });
}

it('a connection past Node\'s streams is no longer watched', async (t) => {
  const child = await heir(t);
  const numbers = [];
  for (let i = 0; i < 2; i++) {
    const { ws, socket } = await openServer(t);
    numbers.push(ws._driver._direct && ws._driver._direct._number);
    await depart(child, socket);
    assert.strictEqual(ws._driver._direct, null);
  }
  assert.strictEqual(numbers[0], numbers[1]);
});

it('setTimeout on a socket that stays has not changed', async (t) => {
  const { ws, peer, socket } = await openServer(t);
  const idle = once(socket, 'timeout');
  assert.strictEqual(socket.setTimeout(20), socket);
  await idle;
  socket.setTimeout(0);
  peer.write(masked(TEXT, 'still here'));
  assert.strictEqual((await next(ws, 'message')).data, 'still here');
});
