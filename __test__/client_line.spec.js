'use strict';

// Clients served on Node's loop, past the stream: that it is so where it should be, and that nobody who holds the
// stream can tell. Run with FAYE_WEBSOCKET_KERNEL_SOCKET=0 the same tests describe clients dialled through Node.

const assert = require('node:assert');
const { AsyncLocalStorage } = require('node:async_hooks');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');

const { it, describe } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { next, until, record } = require('./support/record');
const { countedDescriptors } = require('./support/node');
const { hasLoop } = require('./support/paths');
const { ca, echoServer, httpProxy, rawServer } = require('./support/network');
const { response } = require('./support/handshakes');
const { timesOutWhenQuiet } = require('./support/quiet');
const { TEXT, BINARY, frame } = require('./support/frames');

const MIB = 1024 * 1024;
const isPast = (ws) => ws._driver._direct !== null;

function dial(t, scheme, port, options = {}) {
  const ws = new WebSocket.Client(`${scheme}://127.0.0.1:${port}/`, [], { tls: { ca }, ...options });
  t.after(() => ws._stream.destroy());
  return ws;
}

async function opened(t, scheme, options) {
  const { port } = await echoServer(t, { secure: scheme === 'wss' });
  const ws = dial(t, scheme, port, options);
  await next(ws, 'open');
  return ws;
}

/** An open client and the server's end of it; `behind` follows the handshake in the same write. */
async function openedRaw(t, scheme, behind = [], prepare = () => {}) {
  const peers = [];
  const { port } = await rawServer(t, (socket) => {
    peers.push(socket);
    socket.once('data', (head) => socket.write(Buffer.concat([Buffer.from(response(head.toString('latin1'))), ...behind])));
  }, { secure: scheme === 'wss' });
  const ws = dial(t, scheme, port);
  prepare(ws);
  await next(ws, 'open');
  return { ws, peer: peers[0] };
}

async function echoed(ws, text = 'hello') {
  const arrived = next(ws, 'message');
  ws.send(text);
  assert.strictEqual((await arrived).data, text);
}

for (const scheme of ['ws', 'wss']) {
  describe(`clients on the loop: ${scheme}`, () => {
    it('is the default', async (t) => {
      const ws = await opened(t, scheme);
      assert.strictEqual(isPast(ws), hasLoop);
      await echoed(ws);
    });

    it('is switched off by an option, which has Node dial', async (t) => {
      const ws = await opened(t, scheme, { kernelSocket: false });
      assert.strictEqual(isPast(ws), false);
      assert.ok(ws._stream instanceof net.Socket);
      await echoed(ws);
    });

    it('goes through the stream once another listener reads it, without losing a byte', async (t) => {
      const ws = await opened(t, scheme);
      await echoed(ws);
      const { bytesRead } = ws._stream;
      let seen = 0;
      ws._stream.on('data', (chunk) => (seen += chunk.length));
      assert.strictEqual(isPast(ws), false);
      await echoed(ws, 'x'.repeat(100));
      assert.strictEqual(seen, 102);
      assert.strictEqual(ws._stream.bytesRead - bytesRead, 102);
    });

    it('is not used for a stream that another listener has read before', async (t) => {
      const { port } = await echoServer(t, { secure: scheme === 'wss' });
      const ws = dial(t, scheme, port);
      const seen = [];
      ws._stream.on('data', (chunk) => seen.push(chunk));
      await next(ws, 'open');
      assert.strictEqual(isPast(ws), false);
      await echoed(ws);
      const all = Buffer.concat(seen);
      assert.match(all.toString('latin1'), /^HTTP\/1\.1 101 [^]*hello$/);
      assert.ok(all.subarray(-7).equals(frame(TEXT, 'hello')));
    });

    it('counts bytes as the stream would', async (t) => {
      const ws = await opened(t, scheme);
      const { bytesRead, bytesWritten } = ws._stream;
      await echoed(ws, 'x'.repeat(1000));
      ws.send(Buffer.alloc(9000));
      await next(ws, 'message');
      const check = () => {
        assert.strictEqual(ws._stream.bytesRead - bytesRead, 4 + 1000 + 4 + 9000);
        assert.strictEqual(ws._stream.bytesWritten - bytesWritten, 8 + 1000 + 8 + 9000);
      };
      check();
      ws._stream.destroy();
      await next(ws._stream, 'close');
      check();
    });

    it('bytes written to the stream keep their place between messages', async (t) => {
      const ws = await opened(t, scheme);
      const texts = [];
      ws.on('message', ({ data }) => texts.push(data));
      ws.send('a');
      await until(() => texts.length === 1);
      // A masked text frame, its key all zeros.
      ws._stream.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x62]));
      ws.send('c');
      await until(() => texts.length === 3);
      assert.deepStrictEqual(texts, ['a', 'b', 'c']);
    });

    it('delivers many messages at once, more than one read takes', async (t) => {
      const sizes = Array.from({ length: 400 }, (_, i) => i * 13 % 4000);
      const { ws } = await openedRaw(t, scheme, sizes.map((size) => frame(BINARY, Buffer.alloc(size, size))), (ws) => {
        ws.got = [];
        ws.on('message', ({ data }) => ws.got.push(data));
      });
      await until(() => ws.got.length === sizes.length);
      assert.deepStrictEqual(ws.got.map(({ length }) => length), sizes);
      for (const data of ws.got) assert.ok(data.every((byte) => byte === data.length % 256));
    });

    it('paused in the open listener, it delivers nothing until it is resumed', async (t) => {
      const log = [];
      const { ws, peer } = await openedRaw(t, scheme, [], (ws) => {
        ws.on('open', () => ws.pause());
        ws.on('message', ({ data }) => log.push(data.length));
      });
      const big = frame(BINARY, Buffer.alloc(200_000));
      for (let i = 0; i < 3; i++) peer.write(big);
      // What else the loop has to do is done in between.
      await echoed(await opened(t, scheme));
      assert.deepStrictEqual(log, []);
      ws.resume();
      await until(() => log.length === 3);
      assert.deepStrictEqual(log, [200_000, 200_000, 200_000]);
    });

    it('paused in the middle of a chunk, it delivers the rest of that chunk and no more', async (t) => {
      const log = [];
      const { ws, peer } = await openedRaw(t, scheme, [], (ws) => ws.on('message', ({ data }) => {
        log.push(data);
        if (data === 'stop') ws.pause();
      }));
      peer.write(frame(TEXT, 'stop'));
      await until(() => log.length === 1);
      peer.write(frame(TEXT, 'later'));
      await echoed(await opened(t, scheme));
      assert.deepStrictEqual(log, ['stop']);
      ws.resume();
      await until(() => log.length === 2);
    });

    it('send() is false while the server does not read; all messages arrive in order', async (t) => {
      const { ws, peer } = await openedRaw(t, scheme);
      peer.pause();
      const block = Buffer.alloc(MIB);
      let blocks = 0;
      while (ws.send(block.fill(blocks++ % 251))) {
        assert.ok(blocks < 64, 'it took everything');
        await new Promise(setImmediate);
      }
      assert.ok(ws.bufferedAmount > 0);
      for (const text of ['x', 'y', 'z']) assert.strictEqual(ws.send(text), false);
      const drained = next(ws, 'drain');
      let bytes = 0;
      peer.on('data', (chunk) => (bytes += chunk.length));
      peer.resume();
      await drained;
      await until(() => ws.bufferedAmount === 0);
      await until(() => bytes === blocks * (14 + MIB) + 3 * 7);
      assert.strictEqual(ws.send('w'), true);
    });

    it('messages sent before a close are delivered, however slow the server', async (t) => {
      const { ws, peer } = await openedRaw(t, scheme);
      peer.pause();
      for (let i = 0; i < 8; i++) ws.send(Buffer.alloc(MIB));
      ws.close(3001, 'done');
      let bytes = 0;
      peer.on('data', (chunk) => (bytes += chunk.length));
      peer.resume();
      await until(() => bytes === 8 * (14 + MIB) + 6 + 2 + 4);
    });

    it('a listener that throws loses no message behind it', async (t) => {
      const { ws, peer } = await openedRaw(t, scheme);
      const thrown = [];
      const others = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      process.on('uncaughtException', (error) => thrown.push(error.message));
      t.after(() => {
        process.removeAllListeners('uncaughtException');
        for (const listener of others) process.on('uncaughtException', listener);
      });
      const log = [];
      ws.on('message', ({ data }) => {
        log.push(data);
        if (data === 'b') throw new Error('of a listener');
      });
      peer.write(Buffer.concat(['a', 'b', 'c'].map((text) => frame(TEXT, text))));
      await until(() => thrown.length === 1);
      peer.write(frame(TEXT, 'd'));
      await until(() => log.length === 4);
      assert.deepStrictEqual(log, ['a', 'b', 'c', 'd']);
      assert.deepStrictEqual(thrown, ['of a listener']);
    });

    it('a server that hangs up: the end, and 1006', async (t) => {
      const { ws, peer } = await openedRaw(t, scheme);
      const log = record(ws);
      peer.end(frame(TEXT, 'last'));
      await next(ws, 'close');
      assert.deepStrictEqual(log, [['message', 'last'], ['end'], ['close', 1006, '']]);
      assert.strictEqual(isPast(ws), false);
    });

    it('listeners see the store of whoever made the client', async (t) => {
      const storage = new AsyncLocalStorage();
      const { port } = await echoServer(t, { secure: scheme === 'wss' });
      const ws = storage.run('creator', () => dial(t, scheme, port));
      const stores = {};
      for (const type of ['open', 'message', 'close']) ws.on(type, () => (stores[type] = storage.getStore()));
      ws._stream.on('close', () => (stores.gone = storage.getStore()));
      await storage.run('other', async () => {
        await next(ws, 'open');
        await echoed(ws);
        ws.close();
        await once(ws._stream, 'close');
      });
      assert.deepStrictEqual(stores, { open: 'creator', message: 'creator', close: 'creator', gone: 'creator' });
    });

    for (const [moment, end] of [
      ['on connect', (ws) => ws._stream.once('connect', () => ws._stream.destroy())],
      ['a microtask after it', (ws) => ws._stream.once('connect', () => Promise.resolve().then(() => ws._stream.destroy()))],
      ['a turn after it', (ws) => ws._stream.once('connect', () => setImmediate(() => ws._stream.destroy()))],
      ['when the server has it', (ws, server) => server.once(scheme === 'wss' ? 'secureConnection' : 'connection', () => ws._stream.destroy())],
    ]) {
      it(`destroyed ${moment}, it closes once and disconnects from the server`, async (t) => {
        const { server, port } = await rawServer(t, undefined, { secure: scheme === 'wss' });
        const ws = dial(t, scheme, port);
        end(ws, server);
        const log = record(ws, ['open', 'message', 'error', 'close']);
        await next(ws._stream, 'close');
        await until(() => server.sockets.size === 0);
        assert.deepStrictEqual(log, [['close', 1006, '']]);
      });
    }

    it('an idle stream times out, a busy one does not', async (t) => {
      const ws = await opened(t, scheme);
      await timesOutWhenQuiet(ws._stream, 150, () => echoed(ws));
    });

    it('through proxies', async (t) => {
      const { port } = await echoServer(t, { secure: scheme === 'wss' });
      for (const secure of [false, true]) {
        const proxy = await httpProxy(t, { secure });
        const ws = dial(t, scheme, port, { proxy: { origin: proxy.origin(), tls: { ca } } });
        await next(ws, 'open');
        assert.strictEqual(isPast(ws), hasLoop);
        const arrived = next(ws, 'message');
        ws.send(Buffer.alloc(3 * MIB, 7));
        assert.ok((await arrived).data.equals(Buffer.alloc(3 * MIB, 7)));
        ws.close();
        await next(ws, 'close');
      }
    });
  });
}

it('OpenSSL has decrypted more than one read takes: the rest is delivered although the descriptor is not readable', async (t) => {
  const log = [];
  const { ws, peer } = await openedRaw(t, 'wss', [], (ws) => ws.on('message', ({ data }) => log.push(data.length)));
  ws.pause();
  const sizes = [300_000, 1, 70_000, 0, 65_536, 16_384, 5];
  const written = new Promise((resolve) => {
    peer.write(Buffer.concat(sizes.map((size) => frame(BINARY, Buffer.alloc(size)))), resolve);
  });
  await written;
  ws.resume();
  await until(() => log.length === sizes.length);
  assert.deepStrictEqual(log, sizes);
  // And a reader that stops at each message.
  ws.on('message', () => {
    ws.pause();
    setImmediate(() => ws.resume());
  });
  peer.write(Buffer.concat(sizes.map((size) => frame(BINARY, Buffer.alloc(size)))));
  await until(() => log.length === 2 * sizes.length);
  assert.deepStrictEqual(log, [...sizes, ...sizes]);
});

it('Node dials while no descriptor is left for epoll, and native dialling returns afterwards', { skip: !hasLoop && 'there is no watch' }, async (t) => {
  const { port } = await echoServer(t);
  const script = `
    const fs = require('fs');
    const net = require('net');
    const WebSocket = require(${JSON.stringify(require.resolve('../index.js'))});
    const taken = [];
    // All but some, which are enough for a socket of Node's: a watch needs three.
    const take = (left) => {
      try { for (;;) taken.push(fs.openSync('/dev/null')); } catch {}
      while (left-- > 0) fs.closeSync(taken.pop());
    };
    const dial = (how) => new Promise((resolve) => {
      const ws = new WebSocket.Client('ws://127.0.0.1:${port}/');
      ws.on('open', () => ws.send('x'));
      ws.on('message', () => { ws.close(); });
      ws.on('error', ({ message }) => how.push(message));
      ws.on('close', ({ code }) => resolve(how.push(ws._stream instanceof net.Socket, code)));
    });
    (async () => {
      const how = [];
      take(2);
      await dial(how);
      for (const descriptor of taken) fs.closeSync(descriptor);
      await dial(how);
      console.log(JSON.stringify(how));
    })();`;
  const child = spawn('/bin/sh', ['-c', 'ulimit -n 256 && exec "$0" -e "$1"', process.execPath, script], { env: countedDescriptors() });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  await once(child, 'close');
  assert.strictEqual(output.trim(), '[true,1000,false,1000]');
});
