'use strict';

// The path past Node's streams: that it is taken where it should be, and that nobody who holds the
// socket can tell. Run with FAYE_WEBSOCKET_KERNEL_SOCKET=0 the same tests describe the stream path.

const assert = require('node:assert');
const http = require('node:http');
const path = require('node:path');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { AsyncLocalStorage } = require('node:async_hooks');
const { Worker } = require('node:worker_threads');

const { it } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { httpServer, openServer, dial } = require('./support/sides');
const { record, next, until } = require('./support/record');
const { timesOutWhenQuiet } = require('./support/quiet');
const { TEXT, BINARY, CLOSE, PING, masked, closePayload } = require('./support/frames');
const { sameBytes } = require('./support/bytes');

const FIXTURE = path.join(__dirname, 'fixtures', 'kernel_process.js');
const hasKernelPath = ['linux', 'darwin'].includes(process.platform) &&
  process.env.FAYE_WEBSOCKET_KERNEL_SOCKET !== '0';

const isPast = (ws) => ws._driver._direct !== null;

async function echoed(ws, peer, text = 'hello') {
  const arrived = next(ws, 'message');
  peer.write(masked(TEXT, text));
  assert.strictEqual((await arrived).data, text);
  ws.send(text);
  assert.strictEqual((await peer.frame()).payload.toString(), text);
}

// ---- when it is taken

it('is the default for plain sockets', async (t) => {
  const { ws, peer } = await openServer(t);
  assert.strictEqual(isPast(ws), hasKernelPath);
  await echoed(ws, peer);
});

it('is switched off by an option', async (t) => {
  const { ws, peer } = await openServer(t, { settings: { kernelSocket: false } });
  assert.strictEqual(isPast(ws), false);
  await echoed(ws, peer);
});

it('is not used for a socket that another listener reads', async (t) => {
  const seen = [];
  const { ws, peer } = await openServer(t, { setUp: (ws, request, socket) => socket.on('data', (data) => seen.push(data)) });
  assert.strictEqual(isPast(ws), false);
  await echoed(ws, peer);
  assert.strictEqual(seen.length, 1);
});

it('ends when another listener begins to read the socket', async (t) => {
  const { ws, peer, socket } = await openServer(t);
  await echoed(ws, peer);
  const seen = [];
  socket.on('data', (data) => seen.push(data));
  assert.strictEqual(isPast(ws), false);
  await echoed(ws, peer);
  assert.strictEqual(seen.length, 1);
});

it('is not used when the application has replaced socket.write', async (t) => {
  const written = [];
  const { ws, peer } = await openServer(t, {
    setUp(ws, request, socket) {
      const { write } = socket;
      socket.write = function (...args) {
        written.push(args[0]);
        return write.apply(this, args);
      };
    }
  });
  await echoed(ws, peer);
  assert.strictEqual(written.length, 2);
});

it('is given back when the application writes by itself later, or in \'open\'', async (t) => {
  for (const event of ['open', 'message']) {
    const written = [];
    const { ws, peer } = await openServer(t, {
      setUp(ws, request, socket) {
        ws.once(event, () => {
          const { write } = socket;
          socket.write = function (...args) {
            written.push(args[0]);
            return write.apply(this, args);
          };
        });
      }
    });
    await echoed(ws, peer);
    await echoed(ws, peer);
    assert.strictEqual(written.length, event === 'open' ? 3 : 2, event);
  }
});

it('reads nothing more for a driver whose listener was removed from the socket', async (t) => {
  for (const event of ['open', 'message']) {
    const heard = [];
    const { ws, peer, socket } = await openServer(t, {
      setUp(ws, request, socket) {
        ws.on('message', ({ data }) => heard.push(data));
        ws.on(event, () => socket.removeAllListeners('data'));
      }
    });
    if (event === 'message') await echoed(ws, peer);
    peer.write(masked(TEXT, 'unheard'));
    const { bytesRead } = socket;
    await until(() => socket.bytesRead > bytesRead);
    const frame = masked(TEXT, 'seen');
    const read = once(socket, 'data');
    peer.write(frame);
    sameBytes((await read)[0], frame);
    assert.deepStrictEqual([heard, isPast(ws)], [event === 'message' ? ['hello'] : [], false]);
  }
});

// ---- what the socket says

it('counts bytes as the socket would', async (t) => {
  const { ws, peer, socket } = await openServer(t);
  const { bytesRead, bytesWritten } = socket;
  await echoed(ws, peer, 'x'.repeat(1000));
  assert.strictEqual(socket.bytesRead - bytesRead, 8 + 1000);
  assert.strictEqual(socket.bytesWritten - bytesWritten, 4 + 1000);
  const closed = next(socket, 'close');
  socket.destroy();
  await closed;
  assert.strictEqual(socket.bytesRead - bytesRead, 8 + 1000);
  assert.strictEqual(socket.bytesWritten - bytesWritten, 4 + 1000);
});

it('an idle socket times out, a busy one does not', async (t) => {
  const { ws, peer, socket } = await openServer(t);
  await timesOutWhenQuiet(socket, 200, () => echoed(ws, peer));
});

it('a paused socket delivers nothing, and all of it when it is resumed', async (t) => {
  const { ws, peer, socket } = await openServer(t);
  const log = record(ws, ['message']);
  socket.pause();
  for (let i = 0; i < 3; i++) peer.write(masked(TEXT, `${i}`));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepStrictEqual(log, []);
  socket.resume();
  await until(() => log.length === 3);
});

it('stops reading while paused, so that the peer cannot send more', async (t) => {
  const { ws, peer } = await openServer(t);
  const log = record(ws, ['message']);
  ws.pause();
  const message = masked(BINARY, Buffer.alloc(1 << 20));
  for (let i = 0; i < 32; i++) peer.write(message);
  let before;
  do {
    before = peer.socket.bytesWritten - peer.socket.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (before !== peer.socket.bytesWritten - peer.socket.writableLength);
  assert.ok(peer.socket.writableLength > 1 << 20);
  assert.ok(log.length <= 1);
  ws.resume();
  await until(() => log.length === 32);
});

it('a peer that does not read makes send return false, and drain follows', async (t) => {
  const { ws, peer } = await openServer(t);
  peer.socket.pause();
  const payload = Buffer.alloc(100000, 7);
  let count = 1;
  while (ws.send(payload)) count++;
  assert.ok(ws.bufferedAmount > 0);
  const drained = next(ws, 'drain');
  peer.socket.resume();
  await drained;
  for (let i = 0; i < count; i++) sameBytes((await peer.frame()).payload, payload);
  assert.strictEqual(ws.bufferedAmount, 0);
  await echoed(ws, peer);
});

it('the application\'s raw writes follow messages that wait for the peer', async (t) => {
  const { ws, peer, socket } = await openServer(t);
  peer.socket.pause();
  let count = 1;
  while (ws.send(Buffer.alloc(100000))) count++;
  socket.write(Buffer.from([0x81, 1, 0x61]));
  ws.send('b');
  peer.socket.resume();
  for (let i = 0; i < count; i++) await peer.frame();
  assert.strictEqual((await peer.frame()).payload.toString(), 'a');
  assert.strictEqual((await peer.frame()).payload.toString(), 'b');
});

// ---- memory

it('no message changes when others arrive', async (t) => {
  const { ws, peer } = await openServer(t);
  const got = [];
  ws.on('message', ({ data }) => got.push(data));
  const sizes = [1, 5000, 40000, 65522, 65536, 300000, 3, 60000];
  for (const size of sizes) peer.write(masked(BINARY, Buffer.alloc(size, size)));
  await until(() => got.length === sizes.length);
  sizes.forEach((size, i) => sameBytes(got[i], Buffer.alloc(size, size)));
});

it('text that is sent in one turn arrives whole and in order, whatever its length', async (t) => {
  const { ws, peer } = await openServer(t);
  const texts = [];
  for (let i = 0; i < 1500; i++) texts.push(`${i} ` + 'é€𝄞'.repeat(i % 7 ? 3 : i));
  for (const text of texts) ws.send(text);
  ws.send(Buffer.alloc(5000, 1));
  ws.send('last');
  for (const text of texts) assert.strictEqual((await peer.frame()).payload.toString(), text);
  assert.strictEqual((await peer.frame()).payload.length, 5000);
  assert.strictEqual((await peer.frame()).payload.toString(), 'last');
});

// ---- how it ends

it('FIN without a close frame is 1006', async (t) => {
  const { ws, peer } = await openServer(t);
  const log = record(ws);
  await echoed(ws, peer);
  peer.end();
  await until(() => log.some(([type]) => type === 'close'));
  assert.deepStrictEqual(log.slice(-2), [['end'], ['close', 1006, '']]);
  await peer.rest();
});

it('data and FIN in one packet are both seen', async (t) => {
  const { ws, peer } = await openServer(t);
  const log = record(ws);
  peer.socket.end(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b')]));
  await until(() => log.some(([type]) => type === 'close'));
  assert.deepStrictEqual(log, [['message', 'a'], ['message', 'b'], ['end'], ['close', 1006, '']]);
});

it('FIN is seen behind data of any length, on one of many connections and on the only one', async (t) => {
  const { peer: other } = await openServer(t);
  for (const kibibytes of [1, 64, 65, 100, 128, 200, 300]) {
    if (kibibytes === 128) other.destroy();
    const { ws, peer } = await openServer(t);
    const log = record(ws);
    let messages = 0;
    ws.on('message', () => messages++);
    const frames = (count) => Buffer.concat(Array(count).fill(masked(BINARY, Buffer.alloc(1016))));
    // The system makes room for a peer that sends much: then all of it is there at once, and the end too.
    for (let sent = 1000; sent <= 8000; sent += 1000) {
      peer.write(frames(1000));
      await until(() => messages === sent);
    }
    peer.write(frames(kibibytes));
    peer.end();
    await until(() => log.some(([type]) => type === 'close'));
    assert.strictEqual(messages, 8000 + kibibytes);
    assert.deepStrictEqual(log.at(-1), ['close', 1006, '']);
  }
});

it('RST is an error and 1006', async (t) => {
  const { ws, peer, socket } = await openServer(t);
  const log = record(ws);
  const failed = next(socket, 'error');
  await echoed(ws, peer);
  peer.reset();
  assert.strictEqual((await failed).code, 'ECONNRESET');
  await until(() => log.some(([type]) => type === 'close'));
  assert.deepStrictEqual(log.map(([type]) => type), ['message', 'error', 'end', 'close']);
});

it('a closing handshake ends the socket', async (t) => {
  const { ws, peer, socket } = await openServer(t);
  const log = record(ws);
  const closed = next(socket, 'close');
  peer.write(masked(CLOSE, closePayload(3001, 'bye')));
  assert.deepStrictEqual((await peer.frame()).payload, closePayload(3001, 'bye'));
  await closed;
  assert.strictEqual(await peer.rest().then((bytes) => bytes.length), 0);
  assert.deepStrictEqual(log, [['end'], ['close', 3001, 'bye']]);
});

for (const method of ['destroy', 'end', 'destroySoon']) {
  it(`socket.${method}() closes the connection after what was sent in an earlier turn`, async (t) => {
    const { ws, peer, socket } = await openServer(t);
    const log = record(ws);
    ws.send('before');
    await new Promise((resolve) => setImmediate(resolve));
    socket[method]();
    assert.strictEqual((await peer.frame()).payload.toString(), 'before');
    peer.end();
    await peer.rest();
    await until(() => log.some(([type]) => type === 'close'));
    assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
  });
}

it('a socket destroyed in a listener delivers no more', async (t) => {
  const { ws, peer, socket } = await openServer(t);
  const got = [];
  ws.on('message', ({ data }) => {
    got.push(data);
    socket.destroy();
  });
  peer.write(masked(TEXT, 'one'));
  await peer.rest();
  assert.deepStrictEqual(got, ['one']);
});

it('server.closeAllConnections() and server.close() leave nothing behind', { skip: !http.Server.prototype.closeAllConnections }, async (t) => {
  const made = [];
  const { server, port } = await httpServer(t, (request, socket, head) => made.push({ ws: new WebSocket(request, socket, head), socket }));
  await dial(t, port);
  await until(() => made.length === 1);
  server.closeAllConnections();
  const closed = once(server, 'close');
  server.close();
  made[0].socket.destroy();
  await closed;
  await until(() => made[0].ws.readyState === 3);
});

it('2,000 connections opened and closed leave no descriptor behind', { skip: process.platform !== 'linux', timeout: 60000 }, async (t) => {
  const fs = require('node:fs');
  let open = 0;
  const { port } = await httpServer(t, (request, socket, head) => {
    open++;
    new WebSocket(request, socket, head).on('close', () => open--);
  });
  const round = async () => {
    const peers = await Promise.all(Array.from({ length: 100 }, () => dial(t, port)));
    for (const peer of peers) peer.write(masked(PING, 'x'));
    for (const peer of peers) await peer.frame();
    for (const peer of peers) peer.destroy();
    await until(() => open === 0 && peers.every((peer) => peer.closed));
  };
  await round();
  const before = fs.readdirSync('/proc/self/fd').length;
  for (let i = 0; i < 20; i++) await round();
  assert.ok(fs.readdirSync('/proc/self/fd').length <= before + 2);
});

// ---- listeners

it('a listener runs in the async context in which the socket was made', async (t) => {
  const storage = new AsyncLocalStorage();
  const seen = [];
  const { port } = await httpServer(t, (request, socket, head) => {
    storage.run('mine', () => {
      new WebSocket(request, socket, head).on('message', () => seen.push(storage.getStore()));
    });
  });
  const peer = await dial(t, port);
  peer.write(masked(TEXT, 'x'));
  await until(() => seen.length === 1);
  if (hasKernelPath) assert.deepStrictEqual(seen, ['mine']);
});

it('ticks and promises run between the chunks of two connections', async (t) => {
  const order = [];
  const sides = [await openServer(t), await openServer(t)];
  sides.forEach(({ ws }, i) => ws.on('message', () => {
    order.push(`message ${i}`);
    process.nextTick(() => order.push(`tick ${i}`));
    Promise.resolve().then(() => order.push(`promise ${i}`));
  }));
  for (const { peer } of sides) peer.write(masked(TEXT, 'x'));
  await until(() => order.length === 6);
  for (const at of [0, 3]) {
    const i = order[at].slice(-1);
    assert.deepStrictEqual(order.slice(at, at + 3), [`message ${i}`, `tick ${i}`, `promise ${i}`]);
  }
});

async function inProcess(t, act) {
  const child = fork(FIXTURE, [act]);
  t.after(() => child.kill('SIGKILL'));
  const [{ port }] = await once(child, 'message');
  return { child, peer: await dial(t, port) };
}

it('a listener that throws loses no message of any connection', async (t) => {
  const { child, peer } = await inProcess(t, 'throw');
  const uncaught = once(child, 'message');
  peer.write(Buffer.concat(['good', 'bad', 'later', 'last'].map((text) => masked(TEXT, text))));
  assert.deepStrictEqual(await uncaught, [{ uncaught: 'thrown by the listener' }, undefined]);
  peer.write(masked(TEXT, 'x'.repeat(200)));
  for (const expected of ['good', 'bad', 'later', 'last', 'x'.repeat(200)]) {
    assert.strictEqual((await peer.frame()).payload.toString(), expected);
  }
});

it('messages sent before process.exit() leave', async (t) => {
  const { child, peer } = await inProcess(t, 'exit');
  const exited = once(child, 'exit');
  peer.write(masked(TEXT, 'goodbye'));
  assert.strictEqual((await peer.frame()).payload.toString(), 'goodbye');
  assert.deepStrictEqual(await exited, [7, null]);
});

it('an open connection keeps the process alive, a closed one does not', async (t) => {
  const { child, peer } = await inProcess(t, 'unlisten');
  const exited = once(child, 'exit');
  for (const text of ['one', 'two']) {
    peer.write(masked(TEXT, text));
    assert.strictEqual((await peer.frame()).payload.toString(), text);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.strictEqual(child.exitCode, null);
  }
  peer.destroy();
  assert.deepStrictEqual(await exited, [0, null]);
});

it('workers with open connections end, and leave the others alone', { timeout: 60000 }, async (t) => {
  const here = await openServer(t);
  for (let i = 0; i < 5; i++) {
    const worker = new Worker(FIXTURE, { workerData: 'echo' });
    const [{ port }] = await once(worker, 'message');
    const peers = await Promise.all([dial(t, port), dial(t, port), dial(t, port)]);
    for (const peer of peers) {
      peer.write(masked(TEXT, 'hi'));
      assert.strictEqual((await peer.frame()).payload.toString(), 'hi');
    }
    // In the middle of traffic.
    for (const peer of peers) peer.write(Buffer.concat(Array.from({ length: 500 }, () => masked(TEXT, 'x'))));
    await worker.terminate();
    await Promise.all(peers.map((peer) => peer.rest().catch(() => {})));
    await echoed(here.ws, here.peer);
  }
});

// ---- broadcast

it('broadcast reaches every open socket in the order of sending, and names the others', async (t) => {
  const sides = [await openServer(t), await openServer(t), await openServer(t, { settings: { kernelSocket: false } })];
  const gone = await openServer(t);
  gone.ws.close();
  const all = new Set([...sides, gone].map(({ ws }) => ws));
  for (const { ws } of sides) ws.send('first');
  assert.deepStrictEqual(WebSocket.broadcast(all, 'second €'), { sent: 3, skipped: [gone.ws] });
  assert.deepStrictEqual(WebSocket.broadcast(all.values(), Buffer.from([1, 2])), { sent: 3, skipped: [gone.ws] });
  for (const { ws } of sides) ws.send('last');
  for (const { peer } of sides) {
    const frames = [];
    for (let i = 0; i < 4; i++) frames.push(await peer.frame());
    assert.deepStrictEqual(frames.map(({ opcode }) => opcode), [TEXT, TEXT, BINARY, TEXT]);
    assert.deepStrictEqual(frames.map(({ payload }) => payload.toString()), ['first', 'second €', '\x01\x02', 'last']);
  }
});

it('broadcast skips a socket whose peer does not read', async (t) => {
  const slow = await openServer(t);
  const other = await openServer(t);
  slow.peer.socket.pause();
  while (slow.ws.send(Buffer.alloc(100000)));
  assert.deepStrictEqual(WebSocket.broadcast([slow.ws, other.ws], 'x'), { sent: 1, skipped: [slow.ws] });
  assert.strictEqual((await other.peer.frame()).payload.toString(), 'x');
});
