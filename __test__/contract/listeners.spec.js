'use strict';

// Listeners that throw, that call back into the socket, and the memory of the
// messages they get and send.

const assert = require('node:assert');
const { execFile } = require('node:child_process');
const { AsyncLocalStorage } = require('node:async_hooks');
const path = require('node:path');

const { it } = require('../support/spec');
const { dir, WebSocket } = require('../support/package_under_test');
const { httpServer, openServer, openClient, clientSide } = require('../support/sides');
const { record, next, until } = require('../support/record');
const { CONTINUATION, TEXT, BINARY, PING, CLOSE, frame, masked, closePayload } = require('../support/frames');
const handshakes = require('../support/handshakes');
const { RawPeer } = require('../support/raw_peer');
const { sameBytes } = require('../support/bytes');

const SIDES = [
  ['server', openServer, masked],
  ['client', openClient, frame]
];

/**
 * Runs a script in a process of its own in which uncaught exceptions are
 * printed as `uncaught <message>`; resolves with its lines.
 */
function run(script) {
  const source = `
    const { RawPeer } = require(${JSON.stringify(path.join(__dirname, '../support/raw_peer'))});
    const frames = require(${JSON.stringify(path.join(__dirname, '../support/frames'))});
    const handshakes = require(${JSON.stringify(path.join(__dirname, '../support/handshakes'))});
    const WebSocket = require(${JSON.stringify(dir)});
    const http = require('http'), net = require('net');
    process.on('uncaughtException', (error) => console.log('uncaught ' + error.message));
    ${script}`;
  return new Promise((resolve, reject) => {
    const options = { timeout: 50000, killSignal: 'SIGKILL' };
    execFile(process.execPath, ['--no-deprecation', '-e', source], options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.signal || error.code}: ${stderr}${stdout}`));
      else resolve(stdout.trim().split('\n'));
    });
  });
}

const THROWING = `
  ws.on('message', (event) => {
    console.log('message ' + event.data);
    if (event.data === 'bad') throw new Error('mine');
    if (event.data === 'last') process.exit();
  });
  ws.on('close', () => process.exit());`;

it('server: an exception in a listener is uncaught, and no message is lost', async () => {
  const lines = await run(`
    const server = http.createServer().on('upgrade', (request, socket, head) => {
      const ws = new WebSocket(request, socket, head);
      ${THROWING}
    }).listen(0, '127.0.0.1', async () => {
      const peer = await RawPeer.connect(server.address().port);
      peer.write(handshakes.request());
      await peer.head();
      const say = (text) => frames.masked(1, text);
      peer.write(Buffer.concat([say('one'), say('bad'), say('two')]));
      await new Promise((resolve) => setTimeout(resolve, 100));
      peer.write(say('three'));
      await new Promise((resolve) => setTimeout(resolve, 50));
      peer.write(say('last'));
    });`);
  assert.deepStrictEqual(lines, [
    'message one',
    'message bad',
    'uncaught mine',
    'message two',
    'message three',
    'message last'
  ]);
});

it('client: an exception in a listener is uncaught, and no message is lost', async () => {
  const lines = await run(`
    const server = net.createServer(async (socket) => {
      const peer = new RawPeer(socket);
      peer.write(handshakes.response(await peer.head()));
      const say = (text) => frames.frame(1, text);
      peer.write(Buffer.concat([say('one'), say('bad'), say('two')]));
      await new Promise((resolve) => setTimeout(resolve, 100));
      peer.write(say('three'));
      await new Promise((resolve) => setTimeout(resolve, 50));
      peer.write(say('last'));
    }).listen(0, '127.0.0.1', () => {
      const ws = new WebSocket.Client('ws://127.0.0.1:' + server.address().port + '/');
      ${THROWING}
    });`);
  assert.deepStrictEqual(lines, [
    'message one',
    'message bad',
    'uncaught mine',
    'message two',
    'message three',
    'message last'
  ]);
});

it('an exception in onmessage keeps the listeners of that event from running', async () => {
  const lines = await run(`
    const server = http.createServer().on('upgrade', (request, socket, head) => {
      const ws = new WebSocket(request, socket, head);
      ws.onmessage = () => { throw new Error('handler'); };
      ws.on('message', () => console.log('listener'));
      ws.onclose = () => { console.log('state ' + ws.readyState); setImmediate(process.exit); throw new Error('close'); };
      ws.on('close', () => console.log('close listener'));
    }).listen(0, '127.0.0.1', async () => {
      const peer = await RawPeer.connect(server.address().port);
      peer.write(handshakes.request());
      await peer.head();
      peer.write(frames.masked(1, 'x'));
      await new Promise((resolve) => setTimeout(resolve, 50));
      peer.write(frames.masked(8, frames.closePayload(1000)));
    });`);
  assert.deepStrictEqual(lines, ['uncaught handler', 'state 3', 'uncaught close']);
});

for (const [side, open, out] of SIDES) {
  it(`${side}: a listener may send, ping, pause and close in the middle of a chunk`, async (t) => {
    const { ws, peer } = await open(t);
    const log = record(ws);
    ws.on('message', ({ data }) => {
      ws.send(`re: ${data}`);
      if (data === '2') ws.ping('p');
      if (data === '3') ws.close(3000, 'stop');
    });
    peer.write(Buffer.concat(['1', '2', '3', '4'].map((text) => out(TEXT, text))));
    const got = [];
    for (let i = 0; i < 5; i++) {
      const { opcode, payload } = await peer.frame();
      got.push([opcode, payload.toString('latin1')]);
    }
    assert.deepStrictEqual(got, [
      [TEXT, 're: 1'],
      [TEXT, 're: 2'],
      [PING, 'p'],
      [TEXT, 're: 3'],
      [CLOSE, closePayload(3000, 'stop').toString('latin1')]
    ]);
    peer.write(out(CLOSE, closePayload(3000)));
    await until(() => log.length === 5);
    assert.deepStrictEqual(log, [['message', '1'], ['message', '2'], ['message', '3'], ['end'], ['close', 3000, '']]);
  });

  it(`${side}: answers keep their place among pongs`, async (t) => {
    const { ws, peer } = await open(t);
    ws.on('message', ({ data }) => ws.send(data));
    peer.write(Buffer.concat([out(TEXT, 'a'), out(PING, 'b'), out(TEXT, 'c'), out(PING, 'd')]));
    const got = [];
    for (let i = 0; i < 4; i++) got.push((await peer.frame()).payload.toString());
    assert.deepStrictEqual(got, ['a', 'b', 'c', 'd']);
  });

  it(`${side}: a listener that feeds the driver again is no trouble`, async (t) => {
    const { ws, peer } = await open(t);
    const log = [];
    ws.on('message', ({ data }) => {
      log.push(data);
      if (data === 'outer') ws._driver.parse(out(TEXT, 'inner'));
    });
    peer.write(Buffer.concat([out(TEXT, 'outer'), out(TEXT, 'after')]));
    await until(() => log.length === 3);
    assert.deepStrictEqual(log.sort(), ['after', 'inner', 'outer']);
  });

  it(`${side}: the bytes of a sent Buffer are taken at the call, and the Buffer is left alone`, async (t) => {
    const { ws, peer } = await open(t);
    for (const length of [1, 100, 5000, 70000, 1 << 20]) {
      const buffer = Buffer.alloc(length, 0x55);
      ws.send(buffer);
      assert.ok(buffer.equals(Buffer.alloc(length, 0x55)), 'changed by send');
      buffer.fill(0xaa);
      sameBytes((await peer.frame()).payload, Buffer.alloc(length, 0x55));
      assert.ok(buffer.equals(Buffer.alloc(length, 0xaa)), 'changed later');
    }
  });

  it(`${side}: a received Buffer is the listener's own`, async (t) => {
    const { ws, peer } = await open(t);
    const got = [];
    ws.on('message', ({ data }) => got.push(data));
    const chunk = [];
    for (let i = 0; i < 20; i++) chunk.push(out(BINARY, Buffer.alloc(300, i)));
    peer.write(Buffer.concat(chunk));
    await until(() => got.length === 20);
    // Scribbling on one must not reach another, nor what arrives later.
    got[3].fill(0xee);
    peer.write(Buffer.concat([out(BINARY, Buffer.alloc(70000, 0x77)), out(BINARY, Buffer.alloc(300, 0x78))]));
    await until(() => got.length === 22);
    for (let i = 0; i < 20; i++) sameBytes(got[i], Buffer.alloc(300, i === 3 ? 0xee : i));
    sameBytes(got[21], Buffer.alloc(300, 0x78));
    for (const data of got) assert.ok(Buffer.isBuffer(data));
  });

  it(`${side}: a fragmented binary message is one Buffer of its own`, async (t) => {
    const { ws, peer } = await open(t);
    const first = next(ws, 'message');
    peer.write(Buffer.concat([out(BINARY, 'abc', { fin: false }), out(CONTINUATION, 'def')]));
    const { data } = await first;
    const second = next(ws, 'message');
    peer.write(Buffer.concat([out(BINARY, 'ghi', { fin: false }), out(CONTINUATION, 'jkl')]));
    await second;
    assert.strictEqual(data.toString(), 'abcdef');
  });

  it(`${side}: listeners run in the async context in which the socket was made`, async (t) => {
    const storage = new AsyncLocalStorage();
    const seen = [];
    const attach = (ws) => {
      for (const type of ['open', 'message', 'close']) ws.on(type, () => seen.push([type, storage.getStore()]));
    };
    if (side === 'server') {
      const { port } = await httpServer(t, (request, socket, head) => {
        storage.run('mine', () => attach(new WebSocket(request, socket, head)));
      });
      const peer = await RawPeer.connect(port);
      t.after(() => peer.destroy());
      peer.write(handshakes.request());
      await peer.head();
      await until(() => seen.length === 1);
      assert.deepStrictEqual(seen, [['open', 'mine']]);
      return;
    }
    const { peer, head } = await storage.run('mine', () => clientSide(t, { setUp: attach }));
    peer.write(handshakes.response(head));
    peer.write(frame(TEXT, 'x'));
    await until(() => seen.length === 2);
    peer.write(frame(CLOSE, closePayload(1000)));
    await until(() => seen.length === 3);
    assert.deepStrictEqual(seen, [
      ['open', 'mine'],
      ['message', 'mine'],
      ['close', 'mine']
    ]);
  });
}
