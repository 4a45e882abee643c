'use strict';

// Flow control: what send answers, drain, pause and resume, pipes, and large
// amounts in both directions at once.
//
// Held here against the original: B25/D18 (bufferedAmount), B30/D20 (output
// lost when the peer closes), B31/D7 (output congestion stops input), B32
// (draining ends a pause).

const assert = require('node:assert');
const { Readable, Writable } = require('node:stream');

const { it, differs } = require('../support/spec');
const { WebSocket } = require('../support/package_under_test');
const { httpServer, openServer, openClient } = require('../support/sides');
const { record, next, until } = require('../support/record');
const { TEXT, CLOSE, frame, masked, closePayload } = require('../support/frames');
const { sameBytes } = require('../support/bytes');

const SIDES = [
  ['server', openServer, masked],
  ['client', openClient, frame]
];
const MB = 1 << 20;

/** A client and a server socket of ours, connected. */
async function pair(t) {
  let served;
  const server = new Promise((resolve) => (served = resolve));
  const { port } = await httpServer(t, (request, socket, head) => served(new WebSocket(request, socket, head)));
  const client = new WebSocket.Client(`ws://127.0.0.1:${port}/`);
  t.after(() => client.close());
  await next(client, 'open');
  return { client, server: await server };
}

/**
 * Sends until the socket says that it is congested, and then as much again as
 * no kernel will take while its buffers grow; returns how much was sent.
 */
function congest(ws) {
  let sent = 1;
  while (ws.send(Buffer.alloc(MB))) {
    if (++sent > 200) throw new Error('never congested');
  }
  for (let i = 0; i < 16; i++, sent++) assert.strictEqual(ws.send(Buffer.alloc(MB)), false);
  return sent;
}

for (const [side, open, out] of SIDES) {
  it(`${side}: send is false once the peer stops reading, and drain follows when it reads again`, async (t) => {
    const { ws, peer } = await open(t);
    peer.socket.pause();
    const sent = congest(ws);
    let drained = 0;
    ws.on('drain', () => drained++);
    assert.strictEqual(ws.send('more'), false);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.strictEqual(drained, 0);
    peer.socket.resume();
    for (let i = 0; i < sent; i++) await peer.frame();
    assert.strictEqual((await peer.frame()).payload.toString(), 'more');
    await until(() => drained > 0);
    assert.strictEqual(ws.send('again'), true);
  });

  it(`${side}: small messages to a reading peer are never refused`, async (t) => {
    const { ws, peer } = await open(t);
    for (let i = 0; i < 200; i++) {
      assert.strictEqual(ws.send('x'.repeat(100)), true);
      await peer.frame();
    }
  });

  differs('D18', `${side}: bufferedAmount tells what the operating system has not taken yet`, async (t) => {
    const { ws, peer } = await open(t);
    assert.strictEqual(ws.bufferedAmount, 0);
    peer.socket.pause();
    congest(ws);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const before = ws.bufferedAmount;
    assert.ok(before > 0, `${before}`);
    ws.send(Buffer.alloc(MB));
    assert.ok(ws.bufferedAmount >= before + MB, `${ws.bufferedAmount} after ${before}`);
    peer.socket.resume();
    peer.socket.removeAllListeners('data');
    peer.socket.on('data', () => {});
    await until(() => ws.bufferedAmount === 0);
  });

  it(`${side}: pause stops messages after the current chunk, resume brings them`, async (t) => {
    const { ws, peer } = await open(t);
    const log = [];
    ws.on('message', ({ data }) => {
      log.push(data);
      if (data === '1') assert.strictEqual(ws.pause(), undefined);
    });
    peer.write(Buffer.concat([out(TEXT, '1'), out(TEXT, '2')]));
    await until(() => log.length === 2);
    peer.write(out(TEXT, '3'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    peer.write(out(TEXT, '4'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    // One chunk may have been on its way when the pause began.
    assert.ok(log.length <= 3, log.join());
    assert.strictEqual(ws.resume(), undefined);
    await until(() => log.length === 4);
    assert.deepStrictEqual(log, ['1', '2', '3', '4']);
  });

  it(`${side}: a pause stops the peer's sending`, async (t) => {
    const { ws, peer } = await open(t);
    let got = 0;
    ws.on('message', () => got++);
    ws.pause();
    const message = out(TEXT, 'x'.repeat(MB));
    for (let i = 0; i < 64; i++) peer.write(message);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const backlog = peer.socket.writableLength;
    assert.ok(backlog > 32 * MB, `only ${backlog} bytes were held back`);
    ws.resume();
    await until(() => got === 64);
  });

  differs('B32', `${side}: draining its output does not end a pause`, async (t) => {
    const { ws, peer } = await open(t);
    const log = record(ws);
    peer.socket.pause();
    ws.pause();
    const sent = congest(ws);
    const drained = next(ws, 'drain');
    peer.socket.resume();
    for (let i = 0; i < sent; i++) await peer.frame();
    await drained;
    peer.write(out(TEXT, 'first'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    peer.write(out(TEXT, 'second'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(log.length <= 1, JSON.stringify(log));
    ws.resume();
    await until(() => log.length === 2);
  });

  differs('D7', `${side}: goes on reading while its own output is congested`, async (t) => {
    const { ws, peer } = await open(t);
    peer.socket.pause();
    congest(ws);
    await new Promise((resolve) => setTimeout(resolve, 20));
    let got = 0;
    ws.on('message', () => got++);
    for (let i = 0; i < 20; i++) peer.write(out(TEXT, 'x'.repeat(100000)));
    await until(() => got === 20);
  });

  for (const how of ['end', 'destroy']) {
    it(`${side}: messages leave before ${how}() on the socket in the same turn`, async (t) => {
      const { ws, peer } = await open(t);
      ws.send('last words');
      ws._stream[how]();
      assert.strictEqual((await peer.frame()).payload.toString(), 'last words');
    });
  }

  it(`${side}: echoes through ws.pipe(ws)`, async (t) => {
    const { ws, peer } = await open(t);
    assert.strictEqual(ws.pipe(ws), ws);
    peer.write(out(TEXT, 'text'));
    peer.write(out(2, Buffer.from([1, 2, 3])));
    const text = await peer.frame();
    const binary = await peer.frame();
    assert.deepStrictEqual([text.opcode, text.payload.toString()], [TEXT, 'text']);
    assert.deepStrictEqual([binary.opcode, binary.payload], [2, Buffer.from([1, 2, 3])]);
  });

  it(`${side}: a readable piped in is one message a chunk, and its end closes`, { timeout: 30000 }, async (t) => {
    const { ws, peer } = await open(t);
    const chunks = Array.from({ length: 40 }, (each, i) => Buffer.alloc(100000, i));
    Readable.from(chunks, { objectMode: true }).pipe(ws);
    for (let i = 0; i < 40; i++) sameBytes((await peer.frame()).payload, chunks[i]);
    const close = await peer.frame();
    assert.deepStrictEqual([close.opcode, close.payload], [CLOSE, closePayload(1000)]);
  });

  it(`${side}: strings piped in are text; with end: false the socket stays open`, async (t) => {
    const { ws, peer } = await open(t);
    Readable.from(['a', 'b'], { objectMode: true }).pipe(ws, { end: false });
    for (const expected of ['a', 'b']) {
      const { opcode, payload } = await peer.frame();
      assert.deepStrictEqual([opcode, payload.toString()], [TEXT, expected]);
    }
    ws.send('still open');
    assert.strictEqual((await peer.frame()).payload.toString(), 'still open');
  });

  it(`${side}: pipes out into a slow writable without losing or reordering`, async (t) => {
    const { ws, peer } = await open(t);
    const got = [];
    const slow = new Writable({
      objectMode: true,
      highWaterMark: 1,
      write(chunk, encoding, done) {
        got.push(chunk);
        setTimeout(done, 1);
      }
    });
    ws.pipe(slow);
    const bytes = [];
    for (let i = 0; i < 50; i++) bytes.push(out(TEXT, `message ${i}`));
    for (const each of bytes) {
      peer.write(each);
      await new Promise((resolve) => setImmediate(resolve));
    }
    peer.write(out(CLOSE, closePayload(1000)));
    await next(slow, 'finish');
    assert.deepStrictEqual(got, bytes.map((each, i) => `message ${i}`));
  });

  differs('D20', `${side}: a peer that closes while reading slowly gets everything`, { timeout: 30000 }, async (t) => {
    const { ws, peer } = await open(t);
    peer.socket.pause();
    const sent = congest(ws);
    const closed = next(ws, 'close');
    peer.write(out(CLOSE, closePayload(1000)));
    // The event waits for nobody.
    assert.strictEqual((await closed).code, 1000);
    peer.socket.resume();
    for (let i = 0; i < sent; i++) assert.strictEqual((await peer.frame()).payload.length, MB);
    assert.strictEqual((await peer.frame()).opcode, CLOSE);
  });
}

differs('B31', 'two of ours that both send 32 MB at once finish', { timeout: 60000 }, async (t) => {
  const { client, server } = await pair(t);
  const got = { client: 0, server: 0 };
  client.on('message', ({ data }) => (got.client += data.length));
  server.on('message', ({ data }) => (got.server += data.length));
  for (let i = 0; i < 32; i++) {
    client.send(Buffer.alloc(MB));
    server.send(Buffer.alloc(MB));
  }
  await until(() => got.client === 32 * MB && got.server === 32 * MB);
});

differs('B31', 'an echo server answers a burst of 20,000 messages', { timeout: 60000 }, async (t) => {
  const { client, server } = await pair(t);
  server.on('message', ({ data }) => server.send(data));
  let got = 0;
  client.on('message', () => got++);
  const text = 'x'.repeat(1024);
  for (let i = 0; i < 20000; i++) client.send(text);
  await until(() => got === 20000);
});

differs('B31', 'so does ws.pipe(ws) with 32 messages of 1 MB', { timeout: 60000 }, async (t) => {
  const { client, server } = await pair(t);
  server.pipe(server);
  let got = 0;
  client.on('message', ({ data }) => (got += data.length));
  for (let i = 0; i < 32; i++) client.send(Buffer.alloc(MB));
  await until(() => got === 32 * MB);
});

it('messages of one turn arrive in order, whatever their size', async (t) => {
  const { client, server } = await pair(t);
  const sizes = [10, 70000, 0, 20000, 1, 300000, 5];
  const got = [];
  server.on('message', ({ data }) => got.push(data.length));
  for (const size of sizes) client.send(Buffer.alloc(size));
  await until(() => got.length === sizes.length);
  assert.deepStrictEqual(got, sizes);
});

it('sends nothing to a peer that has disconnected, and reports no error', async (t) => {
  const { ws, peer } = await openServer(t);
  const log = record(ws);
  peer.destroy();
  await next(ws, 'close');
  assert.strictEqual(ws.send('x'), false);
  await new Promise((resolve) => setImmediate(resolve));
  assert.strictEqual(log.filter(([type]) => type === 'close').length, 1);
});
