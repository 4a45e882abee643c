'use strict';

// WebSocket.closeAll: everybody is told, nobody holds the server up, and what is closed or forgotten
// leaves nothing behind.

const assert = require('node:assert');
const { execFile, execFileSync } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');

const { it } = require('./support/spec');
const { dir, WebSocket } = require('./support/package_under_test');
const { blockBeforeTimers } = require('./support/blocked_loop');
const { names, open: openOn } = require('./support/paths');
const { httpServer, openServer, openClient, dial } = require('./support/sides');
const { RawPeer } = require('./support/raw_peer');
const { record, next, until } = require('./support/record');
const { CLOSE, closePayload, frame, masked } = require('./support/frames');
const handshakes = require('./support/handshakes');

/** The paths, how to open a connection on each, and how its peer makes a frame. */
const PATHS = names.map((path) => [path, (t, options) => openOn(t, path, options), /^server/.test(path) ? masked : frame]);

const SERVERS = PATHS.filter(([path]) => path.startsWith('server'));

for (const [path, open, out] of SERVERS) {
  it(`${path}: every peer receives a close frame, and the promise waits for their sockets`, async (t) => {
    const sides = [];
    for (let i = 0; i < 5; i++) sides.push(await open(t, {}));
    const logs = sides.map(({ ws }) => record(ws));
    let done = false;
    const all = WebSocket.closeAll().then((result) => {
      done = true;
      return result;
    });
    assert.ok(sides.every(({ ws }) => ws.readyState === 2));
    for (const [i, { peer }] of sides.entries()) {
      const { opcode, payload } = await peer.frame();
      assert.deepStrictEqual([opcode, payload], [CLOSE, closePayload(1001)]);
      assert.ok(!done);
      peer.write(out(CLOSE, payload));
      await until(() => logs[i].length === 2);
    }
    assert.deepStrictEqual(await all, { closed: 5, terminated: 0 });
    for (const log of logs) assert.deepStrictEqual(log, [['end'], ['close', 1001, '']]);
    assert.ok(sides.every(({ ws }) => ws._stream.destroyed));
  });

  it(`${path}: those that do not answer in time are terminated`, async (t) => {
    const sides = [];
    for (let i = 0; i < 3; i++) sides.push(await open(t, {}));
    const logs = sides.map(({ ws }) => record(ws));
    const all = WebSocket.closeAll(1012, 'restart', 0.2);
    const { payload } = await sides[0].peer.frame();
    assert.deepStrictEqual(payload, closePayload(1012, 'restart'));
    sides[0].peer.write(out(CLOSE, payload));
    assert.deepStrictEqual(await all, { closed: 1, terminated: 2 });
    assert.deepStrictEqual(logs[0], [['end'], ['close', 1012, 'restart']]);
    for (const log of logs.slice(1)) assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
  });

  it(`${path}: an answer that has come while the loop was blocked is read, also after the timeout`, async (t) => {
    const { ws, peer } = await open(t, {});
    const log = record(ws);
    const all = WebSocket.closeAll(1001, '', 1);
    const { payload } = await peer.frame();
    peer.write(out(CLOSE, payload));
    blockBeforeTimers(1200);
    assert.deepStrictEqual(await all, { closed: 1, terminated: 0 });
    assert.deepStrictEqual(log, [['end'], ['close', 1001, '']]);
  });
}

it('clients are left alone, and closed connections', async (t) => {
  const client = await openClient(t, {});
  const { ws, peer } = await openServer(t);
  peer.write(masked(CLOSE, closePayload(1000)));
  await next(ws, 'close');
  assert.deepStrictEqual(await WebSocket.closeAll(), { closed: 0, terminated: 0 });
  assert.strictEqual(client.ws.readyState, 1);
});

it('one that is closing already is waited for', async (t) => {
  const { ws, peer } = await openServer(t);
  ws.close(3000, 'mine');
  const all = WebSocket.closeAll();
  assert.deepStrictEqual((await peer.frame()).payload, closePayload(3000, 'mine'));
  peer.write(masked(CLOSE, closePayload(3000)));
  assert.deepStrictEqual(await all, { closed: 1, terminated: 0 });
});

it('messages sent before closeAll arrive before the close frame', async (t) => {
  const { ws, peer } = await openServer(t);
  ws.send('x'.repeat(1024 * 1024));
  ws.send('last');
  const all = WebSocket.closeAll(1001, 'bye');
  assert.strictEqual((await peer.frame()).payload.length, 1024 * 1024);
  assert.strictEqual((await peer.frame()).payload.toString(), 'last');
  peer.write(masked(CLOSE, (await peer.frame()).payload));
  await all;
});

it('one that is made in this turn is closed too', async (t) => {
  let all;
  const log = [];
  const { port } = await httpServer(t, (request, socket, head) => {
    const ws = new WebSocket(request, socket, head);
    ws.on('close', (event) => log.push(event.code));
    all = WebSocket.closeAll();
  });
  const peer = await RawPeer.connect(port);
  t.after(() => peer.destroy());
  peer.write(handshakes.request());
  await peer.rest();
  assert.deepStrictEqual(await all, { closed: 1, terminated: 0 });
  assert.deepStrictEqual(log, [1001]);
});

it('a connection of a draft without close codes is closed', async (t) => {
  await openServer(t, { head: handshakes.request75() });
  assert.deepStrictEqual(await WebSocket.closeAll(), { closed: 1, terminated: 0 });
});

it('wrong arguments throw, and close nobody', async (t) => {
  const { ws } = await openServer(t);
  for (const [args, name, message] of [
    [['1001'], 'TypeError', /^code must be a number$/],
    [[null], 'TypeError', /^code must be a number$/],
    [[1005], 'RangeError', /^code must be one of/],
    [[1006], 'RangeError', /^code must be one of/],
    [[5000], 'RangeError', /^code must be one of/],
    [[NaN], 'RangeError', /^code must be one of/],
    [[1001, '', '5'], 'TypeError', /^timeout must be a number of seconds$/],
    [[1001, '', -1], 'RangeError', /^timeout must be a number of seconds$/],
    [[1001, '', NaN], 'RangeError', /^timeout must be a number of seconds$/]
  ]) {
    assert.throws(() => WebSocket.closeAll(...args), { name, message });
  }
  assert.strictEqual(ws.readyState, 1);
});

it('an exception in a listener does not reject the promise, and the others are closed', (t, done) => {
  const program = `
    const WebSocket = require(${JSON.stringify(dir)});
    const http = require('http'), net = require('net');
    let open = 0;
    const thrown = [];
    process.on('uncaughtException', (error) => thrown.push(error.message));
    const server = http.createServer().listen(0, '127.0.0.1', () => {
      for (let i = 0; i < 3; i++) {
        net.connect(server.address().port, '127.0.0.1').on('error', () => {}).resume()
          .write(${JSON.stringify(handshakes.request())});
      }
    });
    server.on('upgrade', (request, socket, head) => {
      const ws = new WebSocket(request, socket, head);
      ws.on('close', () => { throw new Error('mine'); });
      ws.on('open', () => {
        if (++open < 3) return;
        server.close();
        WebSocket.closeAll(1001, '', 0.1).then((result) => setImmediate(() => {
          console.log(JSON.stringify([result, thrown]));
        }));
      });
    });`;
  execFile(process.execPath, ['-e', program], { timeout: 50000 }, (error, stdout) => {
    done(error || assert.deepStrictEqual(JSON.parse(stdout), [{ closed: 0, terminated: 3 }, ['mine', 'mine', 'mine']]));
  });
});

it('the recipe: server.close() finishes', async (t) => {
  const server = http.createServer();
  const upgrade = (request, socket, head) => new WebSocket(request, socket, head).on('message', () => {});
  server.on('upgrade', upgrade);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const [polite, silent] = [await dial(t, port), await dial(t, port)];
  silent.socket.pause();

  const closed = once(server, 'close');
  server.close();
  server.off('upgrade', upgrade);
  const all = WebSocket.closeAll(1001, 'Going away', 0.3);
  polite.write(masked(CLOSE, (await polite.frame()).payload));
  assert.deepStrictEqual(await all, { closed: 1, terminated: 1 });
  await closed;
});

it('a connection over a stream of one\'s own is closed, and can be forgotten', () => {
  const program = `
    const { Duplex } = require('stream');
    const WebSocket = require(${JSON.stringify(dir)});
    const request = { method: 'GET', url: '/', headers: { host: 'h', connection: 'upgrade', upgrade: 'websocket',
      'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' } };
    const make = () => {
      const stream = new Duplex({ read() {}, write(chunk, encoding, callback) { callback(); } });
      stream.setTimeout = stream.setNoDelay = () => stream;
      return new WebSocket(request, stream, null);
    };
    (async () => {
      const kept = make();
      let forgotten = 0;
      const registry = new FinalizationRegistry(() => forgotten++);
      for (let i = 0; i < 100; i++) registry.register(make());
      for (let i = 0; i < 50 && forgotten < 100; i++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        gc();
      }
      const all = WebSocket.closeAll(1001, '', 0.05);
      console.log(kept.readyState, forgotten, JSON.stringify(await all), kept.readyState);
    })();`;
  const stdout = execFileSync(process.execPath, ['--expose-gc', '-e', program], { encoding: 'utf8', timeout: 50000 });
  assert.strictEqual(stdout, '2 100 {"closed":0,"terminated":1} 3\n');
});
