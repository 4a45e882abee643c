'use strict';

// pongTimeout, idleTimeout, closeTimeout and maxLifetime, on every path. Periods are short, and what a
// test awaits is an event; where nothing may happen, something that comes later is awaited.

const assert = require('node:assert');
const { AsyncLocalStorage } = require('node:async_hooks');
const { execFile } = require('node:child_process');
const { Duplex } = require('node:stream');

const { SLOW, describe, it } = require('./support/spec');
const { dir, WebSocket } = require('./support/package_under_test');
const { block } = require('./support/blocked_loop');
const { names, open: openOn } = require('./support/paths');
const { openServer, openClient, serverSide, clientSide } = require('./support/sides');
const { end } = require('./support/hostility');
const { next, record, until } = require('./support/record');
const { TEXT, PING, PONG, CLOSE, closePayload, frame, masked } = require('./support/frames');
const handshakes = require('./support/handshakes');

/** The paths, how to open a connection on each, and how its peer makes a frame. */
const PATHS = names.map((path) => [path, (t, options) => openOn(t, path, options), /^server/.test(path) ? masked : frame]);

const UNANSWERED = (seconds) => `Ping was not answered within ${seconds} seconds`;
const SILENT = (seconds) => `Nothing was received for ${seconds} seconds`;
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Answers pings until the connection ends; resolves with their number. */
async function answer(peer, out, most = Infinity) {
  let count = 0;
  try {
    while (count < most) {
      const { opcode, payload } = await peer.frame();
      if (opcode !== PING) continue;
      peer.write(out(PONG, payload));
      count++;
    }
  } catch {
    // The connection has ended.
  }
  return count;
}

// Most of the time they wait.
describe('on every path', { concurrency: 8 }, () => {
  for (const [path, open, out] of PATHS) {
    it(`${path}: a ping that is not answered ends the connection`, async (t) => {
      const { ws, peer } = await open(t, { settings: { ping: 0.05, pongTimeout: 0.1 } });
      const ended = end(ws);
      assert.deepStrictEqual(await ended, { code: 1006, reason: '', error: UNANSWERED(0.1) });
      await peer.rest();
    });

    it(`${path}: a ping that is answered does not, until one is not`, async (t) => {
      const { ws, peer } = await open(t, { settings: { ping: 0.02, pongTimeout: 1 } });
      const log = record(ws);
      assert.strictEqual(await answer(peer, out, 20), 20);
      assert.deepStrictEqual(log, []);
      await next(ws, 'close');
      assert.deepStrictEqual(log, [['error', UNANSWERED(1)], ['end'], ['close', 1006, '']]);
    });

    it(`${path}: pongs of another payload answer nothing`, async (t) => {
      const { ws, peer } = await open(t, { settings: { ping: 0.05, pongTimeout: 0.2 } });
      const timer = setInterval(() => {
        for (const payload of ['', 'x', '01', '1.0', ' 1', '99999', '-1', 'Infinity']) peer.write(out(PONG, payload));
      }, 20);
      t.after(() => clearInterval(timer));
      assert.strictEqual((await end(ws)).error, UNANSWERED(0.2));
    });

    it(`${path}: the answer to a later ping answers those before`, SLOW, async (t) => {
      const { ws, peer } = await open(t, { settings: { ping: 0.02, pongTimeout: 2 } });
      const log = record(ws);
      for (let answered = 0; answered < 12; answered++) {
        // Ten pings take 200 ms, or longer; the last of them is answered.
        let payload;
        for (let i = 0; i < 10; i++) ({ payload } = await peer.frame());
        peer.write(out(PONG, payload));
      }
      assert.deepStrictEqual(log, []);
      assert.strictEqual((await end(ws)).error, UNANSWERED(2));
    });

    it(`${path}: silence ends the connection`, async (t) => {
      const { ws, peer } = await open(t, { settings: { idleTimeout: 0.1 } });
      assert.deepStrictEqual(await end(ws), { code: 1006, reason: '', error: SILENT(0.1) });
      await peer.rest();
    });

    it(`${path}: any byte breaks the silence`, async (t) => {
      const { ws, peer } = await open(t, { settings: { idleTimeout: 0.5 } });
      const log = record(ws);
      const bytes = out(TEXT, 'x'.repeat(20));
      // One byte at a time, in a longer time.
      for (const byte of bytes) {
        peer.write(Buffer.from([byte]));
        await sleep(30);
      }
      await until(() => log.length > 0);
      assert.deepStrictEqual(log, [['message', 'x'.repeat(20)]]);
      assert.strictEqual((await end(ws)).error, SILENT(0.5));
    });

    it(`${path}: the time of a pause of the application does not count as silence`, async (t) => {
      const { ws, peer } = await open(t, { settings: { idleTimeout: 0.1, ping: 0.02, pongTimeout: 0.1 } });
      const log = record(ws, ['error', 'close']);
      const got = [];
      ws.on('message', ({ data }) => got.push(data));
      ws.pause();
      // What stops reading on a stream is the first chunk that comes.
      peer.write(out(TEXT, 'first'));
      await sleep(200);
      peer.write(out(TEXT, 'last'));
      await sleep(300);
      assert.ok(!got.includes('last'));
      assert.deepStrictEqual(log, []);
      ws.resume();
      await until(() => got.includes('last'));
      assert.deepStrictEqual(log, []);
      await end(ws);
    });

    it(`${path}: closeTimeout is the time for the peer's close frame`, async (t) => {
      const { ws, peer } = await open(t, { settings: { closeTimeout: 0.1 } });
      const started = Date.now();
      ws.close(1000, 'bye');
      assert.deepStrictEqual((await peer.frame()).payload, closePayload(1000, 'bye'));
      assert.deepStrictEqual(await end(ws), { code: 1006, reason: '', error: undefined });
      assert.ok(Date.now() - started < 10000);
    });

    it(`${path}: a lifetime ends with a close frame`, async (t) => {
      const { ws, peer } = await open(t, { settings: { maxLifetime: 0.1 } });
      const { opcode, payload } = await peer.frame();
      assert.deepStrictEqual([opcode, payload], [CLOSE, closePayload(1001, 'Maximum lifetime reached')]);
      assert.strictEqual(ws.readyState, 2);
      const ended = end(ws);
      peer.write(out(CLOSE, payload));
      assert.deepStrictEqual(await ended, { code: 1001, reason: 'Maximum lifetime reached', error: undefined });
    });
  }
});

it('options that are 0, null or undefined are off', async (t) => {
  for (const value of [0, null, undefined]) {
    const { ws } = await openServer(t, {
      settings: { ping: 0.01, pongTimeout: value, idleTimeout: value, maxLifetime: value, closeTimeout: value || null }
    });
    const log = record(ws);
    await sleep(100);
    assert.deepStrictEqual(log, []);
  }
});

it('pings that wait for the connection to open are not awaited', async (t) => {
  const { ws, peer, head } = await clientSide(t, { settings: { ping: 0.02, pongTimeout: 0.1 } });
  const log = record(ws);
  await sleep(300);
  assert.deepStrictEqual(log, []);
  peer.write(handshakes.response(head));
  await next(ws, 'open');
  assert.strictEqual((await end(ws)).error, UNANSWERED(0.1));
});

it('idleTimeout and maxLifetime do not apply while a client connects', async (t) => {
  const { ws, peer, head } = await clientSide(t, { settings: { idleTimeout: 0.05, maxLifetime: 0.05 } });
  const log = record(ws);
  await sleep(200);
  assert.deepStrictEqual(log, []);
  peer.write(handshakes.response(head));
  await until(() => log.length > 0);
  assert.strictEqual(log[0][0], 'open');
});

it('a request of draft 76 whose body does not come is silent', async (t) => {
  const { ws } = await serverSide(t, { head: handshakes.request76(), settings: { idleTimeout: 0.1 } });
  assert.deepStrictEqual(await end(ws), { code: 1006, reason: '', error: SILENT(0.1) });
});

it('drafts have no pings, so none is awaited; they can be silent', async (t) => {
  const { ws } = await openServer(t, {
    head: handshakes.request75(), settings: { ping: 0.01, pongTimeout: 0.02, idleTimeout: 0.2 }
  });
  assert.deepStrictEqual(await end(ws), { code: 1006, reason: '', error: SILENT(0.2) });
});

it('idleTimeout works on a stream without bytesRead', async () => {
  const stream = new Duplex({ read() {}, write(chunk, encoding, callback) { callback(); } });
  stream.setTimeout = stream.setNoDelay = () => stream;
  const request = {
    method: 'GET', url: '/', headers: {
      host: 'h', connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13',
      'sec-websocket-key': handshakes.KEY
    }
  };
  const ws = new WebSocket(request, stream, null, [], { idleTimeout: 0.2 });
  const log = record(ws, ['message', 'error', 'close']);
  for (let i = 0; i < 10; i++) {
    stream.push(masked(TEXT, String(i)));
    await sleep(40);
  }
  assert.strictEqual(log.length, 10);
  await until(() => log.length === 12);
  assert.deepStrictEqual(log.slice(10), [['error', SILENT(0.2)], ['close', 1006, '']]);
});

it('bytes that arrived while the event loop was blocked end the silence', async (t) => {
  const { ws, peer } = await openServer(t, { settings: { idleTimeout: 0.3, ping: 0.05, pongTimeout: 0.3 } });
  const log = record(ws, ['error', 'close']);
  const answering = answer(peer, masked, 10);
  await sleep(100);
  peer.write(masked(TEXT, 'there'));
  block(1000);
  await answering;
  assert.deepStrictEqual(log, []);
});

it('nothing is waited for once the connection is closed', async (t) => {
  const { ws, peer } = await openClient(t, {
    settings: { idleTimeout: 0.05, ping: 0.05, pongTimeout: 0.05, maxLifetime: 0.08 }
  });
  const log = record(ws);
  peer.write(frame(CLOSE, closePayload(1000)));
  await next(ws, 'close');
  await sleep(150);
  assert.deepStrictEqual(log, [['end'], ['close', 1000, '']]);
});

it('a silent peer that is being closed is given the time to answer', async (t) => {
  const { ws, peer } = await openServer(t, { settings: { idleTimeout: 0.05, closeTimeout: 5 } });
  ws.close();
  await sleep(200);
  assert.strictEqual(ws.readyState, 2);
  const ended = end(ws);
  peer.write(masked(CLOSE, closePayload(1000)));
  assert.deepStrictEqual(await ended, { code: 1000, reason: '', error: undefined });
});

it('listeners run in the async context of whoever made the connection', async (t) => {
  const storage = new AsyncLocalStorage();
  const seen = [];
  const open = (name) => storage.run(name, () => openClient(t, {
    settings: { idleTimeout: 0.1 },
    setUp: (ws) => ws.on('error', () => seen.push([name, storage.getStore()]))
  }));
  const sides = [await open('one'), await open('two')];
  await Promise.all(sides.map(({ ws }) => end(ws)));
  assert.deepStrictEqual(seen.sort(), [['one', 'one'], ['two', 'two']]);
});

it('a listener that throws keeps no other connection from being closed', (t, done) => {
  const program = `
    const WebSocket = require(${JSON.stringify(dir)});
    const http = require('http'), net = require('net');
    let errors = 0, closed = 0;
    process.on('uncaughtException', () => errors++);
    const server = http.createServer().listen(0, '127.0.0.1', () => {
      for (let i = 0; i < 10; i++) {
        net.connect(server.address().port, '127.0.0.1').on('error', () => {})
          .write(${JSON.stringify(handshakes.request())});
      }
    });
    server.on('upgrade', (request, socket, head) => {
      const ws = new WebSocket(request, socket, head, [], { idleTimeout: 0.1 });
      ws.on('error', () => { throw new Error('mine'); });
      ws.on('close', () => { if (++closed === 10) setTimeout(() => { console.log(errors); process.exit(); }); });
    });`;
  execFile(process.execPath, ['-e', program], { timeout: 50000 }, (error, stdout) => {
    done(error || assert.strictEqual(stdout, '10\n'));
  });
});

/** Ends by itself when nothing keeps it alive: prints what its exit event finds. */
const unattended = (options) => `
  const WebSocket = require(${JSON.stringify(dir)});
  const http = require('http'), net = require('net');
  const server = http.createServer().listen(0, '127.0.0.1', () => {
    net.connect(server.address().port, '127.0.0.1').on('error', () => {}).unref()
      .write(${JSON.stringify(handshakes.request())});
  });
  server.on('upgrade', (request, socket, head) => {
    const ws = new WebSocket(request, socket, head, [], ${options});
    ws.on('open', () => { server.close(); socket.unref(); });
    ws.on('close', () => console.log('closed'));
  });
  process.on('exit', () => console.log('exit'));`;

for (const [options, expected] of [
  ['{ idleTimeout: 600, maxLifetime: 600, closeTimeout: 600 }', 'exit\n'],
  ['{ ping: 0.02, idleTimeout: 0.3 }', 'closed\nexit\n']
]) {
  it(`an unattended process with ${options} ends with ${JSON.stringify(expected)}`, (t, done) => {
    execFile(process.execPath, ['-e', unattended(options)], { timeout: 50000 }, (error, stdout) => {
      done(error || assert.strictEqual(stdout, expected));
    });
  });
}
