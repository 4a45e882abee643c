'use strict';

// What users of other packages reach for: callbacks of `send`, events of pings, loops over messages, binaryType. On
// every path, and nothing of it seen by those who do not ask.

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { it, describe } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { record, next, until } = require('./support/record');
const { caught } = require('./support/caught');
const { names, open } = require('./support/paths');
const { closePayload, TEXT, BINARY, CLOSE, PING, PONG } = require('./support/frames');
const { openServer, serverSide } = require('./support/sides');
const handshakes = require('./support/handshakes');

const MIB = 1024 * 1024;

/** Sends with a callback that writes its name and outcome down. */
function sender(ws) {
  const log = [];
  const send = (data, name) => ws.send(data, (error) => log.push(error ? `${name}: ${error.message}` : name));
  return { log, send };
}

const LOST = 'The connection was closed before the message had left';

for (const path of names) {
  describe(`callbacks of send: ${path}`, () => {
    it('come in order, once each, after the call', async (t) => {
      const { ws, peer } = await open(t, path);
      const { log, send } = sender(ws);
      for (const [name, data] of [['a', 'x'], ['b', Buffer.alloc(100_000)], ['c', 'é'.repeat(5000)]]) send(data, name);
      assert.deepStrictEqual(log, []);
      await until(() => log.length === 3);
      assert.deepStrictEqual(log, ['a', 'b', 'c']);
      for (let i = 0; i < 3; i++) await peer.frame();
      assert.deepStrictEqual(log, ['a', 'b', 'c']);
    });

    it('wait for a peer that does not read, and come when it does', async (t) => {
      const { ws, peer } = await open(t, path);
      peer.socket.pause();
      const { log, send } = sender(ws);
      send('first', 'first');
      await until(() => log.length === 1);
      for (let i = 0; i < 32; i++) send(Buffer.alloc(MIB), i);
      assert.ok(ws.bufferedAmount > 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.ok(log.length < 33, `${log.length}`);
      // It is not looked at, which the peer takes long for.
      peer.socket.removeAllListeners('data').on('data', () => {}).resume();
      await until(() => log.length === 33);
      assert.deepStrictEqual(log.slice(1), Array.from({ length: 32 }, (_, i) => i));
      assert.strictEqual(ws.bufferedAmount, 0);
    });

    it('have an error where the connection is terminated, or was closed', async (t) => {
      const { ws, peer } = await open(t, path);
      peer.socket.pause();
      const { log, send } = sender(ws);
      for (let i = 0; i < 32; i++) send(Buffer.alloc(MIB), i);
      ws.terminate();
      await until(() => log.length === 32);
      assert.ok(log.some((line) => String(line).endsWith(LOST)), log.join());
      assert.strictEqual(send('late', 'late'), false);
      await until(() => log.length === 33);
      assert.strictEqual(log[32], `late: ${LOST}`);
    });

    it('come for messages sent before a close', async (t) => {
      const { ws, peer, frame } = await open(t, path);
      const { log, send } = sender(ws);
      send('last', 'last');
      ws.close();
      assert.strictEqual(send('late', 'late'), false);
      await until(() => log.length === 2);
      assert.deepStrictEqual(log.sort(), ['last', `late: ${LOST}`]);
      assert.strictEqual((await peer.frame()).payload.toString(), 'last');
      const closed = next(ws, 'close');
      peer.write(frame(CLOSE, closePayload(1000)));
      assert.strictEqual((await closed).code, 1000);
    });

    it('after one has thrown, the others are called', async (t) => {
      const thrown = caught(t);
      const { ws } = await open(t, path);
      const log = [];
      ws.send('a', () => {
        throw new Error('of a callback');
      });
      ws.send('b', () => log.push('b'));
      await until(() => log.length === 1 && thrown.length === 1);
      assert.deepStrictEqual(thrown, ['of a callback']);
    });
  });

  describe(`pings and loops: ${path}`, () => {
    it('a ping and a pong of the peer are events, with their bytes', async (t) => {
      const { ws, peer, frame } = await open(t, path);
      const got = [];
      ws.on('ping', ({ data, type, target }) => got.push([type, data, target === ws]));
      ws.on('pong', ({ data, type }) => got.push([type, data]));
      peer.write(frame(PING, 'p'));
      assert.strictEqual((await peer.frame()).payload.toString(), 'p');
      peer.write(frame(PONG, 'q'));
      await until(() => got.length === 2);
      assert.deepStrictEqual(got, [['ping', Buffer.from('p'), true], ['pong', Buffer.from('q')]]);
    });

    it('a pong can be sent unasked', async (t) => {
      const { ws, peer } = await open(t, path);
      assert.strictEqual(ws.pong('here'), true);
      const { opcode, payload } = await peer.frame();
      assert.deepStrictEqual([opcode, payload.toString()], [PONG, 'here']);
      assert.strictEqual(ws.pong('x'.repeat(126)), false);
      ws.terminate();
      assert.strictEqual(ws.pong(), false);
    });

    it('for await yields every message, and stops reading while the loop is behind', async (t) => {
      const { ws, peer, frame } = await open(t, path);
      const count = 200;
      const got = [];
      const loop = (async () => {
        for await (const message of ws) {
          got.push(message);
          if (got.length === 1) {
            await until(() => ws.isPaused);
            // What one chunk held has come, and no more.
            await new Promise((resolve) => setTimeout(resolve, 50));
            assert.ok(received < count, `${received}`);
          }
        }
      })();
      let received = 0;
      ws.on('message', () => received++);
      const sent = Array.from({ length: count }, (_, i) => `${i}:`.padEnd(50_000, 'x'));
      for (const text of sent) peer.write(frame(TEXT, text));
      peer.write(frame(CLOSE, closePayload(1000)));
      await loop;
      assert.deepStrictEqual(got, sent);
      assert.strictEqual(ws.readyState, WebSocket.CLOSED);
    });

    it('leaving the loop closes the connection', async (t) => {
      const { ws, peer, frame } = await open(t, path);
      peer.write(Buffer.concat(['a', 'b', 'c'].map((text) => frame(TEXT, text))));
      for await (const message of ws) {
        assert.strictEqual(message, 'a');
        break;
      }
      const { opcode, payload } = await peer.frame();
      assert.deepStrictEqual([opcode, payload], [CLOSE, closePayload(1000)]);
      const closed = next(ws, 'close');
      peer.write(frame(CLOSE, closePayload(1000)));
      assert.strictEqual((await closed).code, 1000);
      assert.deepStrictEqual(['message', 'close'].map((type) => ws.listenerCount(type)), [0, 0]);
    });

    it('a connection that fails is an exception of the loop, after its messages', async (t) => {
      const { ws, peer, frame } = await open(t, path);
      peer.write(Buffer.concat([frame(TEXT, 'a'), frame(3, 'no such opcode')]));
      const got = [];
      await assert.rejects(async () => {
        for await (const message of ws) got.push(message);
      }, { message: 'Unrecognized frame opcode: 3' });
      assert.deepStrictEqual(got, ['a']);
      for await (const message of ws) assert.fail(`${message} of a closed connection`);
    });
  });
}

describe('callbacks of send', () => {
  for (const [how, settings] of [['natively', { deflate: true }], ['by a plug-in', { nativeDeflate: false, extensions: [require('permessage-deflate')] }]]) {
    it(`come in order for messages that are compressed ${how}`, async (t) => {
      const { ws, response } = await openServer(t, {
        head: handshakes.request({ 'Sec-WebSocket-Extensions': 'permessage-deflate' }), settings,
      });
      assert.match(response, /permessage-deflate/);
      const { log, send } = sender(ws);
      send(Buffer.alloc(MIB, 'long'), 'long');
      send('short', 'short');
      send(Buffer.alloc(MIB), 'zeros');
      send('last', 'last');
      await until(() => log.length === 4);
      assert.deepStrictEqual(log, ['long', 'short', 'zeros', 'last']);
    });
  }

  it('for messages queued while connecting come once these have left, or with an error if it never opens', async (t) => {
    let outcome;
    const { peer } = await serverSide(t, { setUp: (ws) => { outcome = sender(ws); outcome.send('early', 'early'); } });
    await peer.head();
    assert.strictEqual((await peer.frame()).payload.toString(), 'early');
    await until(() => outcome.log.length === 1);
    assert.deepStrictEqual(outcome.log, ['early']);

    const client = new WebSocket.Client('ws://127.0.0.1:1/');
    const failed = sender(client);
    failed.send('never', 'never');
    await next(client, 'close');
    assert.deepStrictEqual(failed.log, [`never: ${LOST}`]);
  });

  it('have an error for a message that is refused', async (t) => {
    const { ws, peer } = await open(t, 'server, streams', { settings: { maxBackpressure: 10, onBackpressure: 'drop' } });
    peer.socket.pause();
    while (ws.droppedMessages === 0) ws.send(Buffer.alloc(MIB));
    const { log, send } = sender(ws);
    send('refused', 'refused');
    await until(() => log.length === 1);
    assert.deepStrictEqual(log, ['refused: Too many bytes wait for the peer']);
  });
});

describe('binaryType', () => {
  const bytes = [Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 3).buffer, new DataView(Uint8Array.of(0, 1, 2, 3).buffer, 1), new Uint16Array([0x0201])];

  it('sends ArrayBuffers and their views as binary, and other values as text', async (t) => {
    const { ws, peer } = await open(t, 'server, streams', { settings: { binaryType: 'arraybuffer' } });
    for (const data of bytes) ws.send(data);
    for (const length of [3, 3, 3, 2]) {
      const { opcode, payload } = await peer.frame();
      assert.deepStrictEqual([opcode, payload], [BINARY, Buffer.from([1, 2, 3].slice(0, length))]);
    }
    ws.send(7);
    ws.send({});
    for (const text of ['7', '[object Object]']) assert.strictEqual((await peer.frame()).payload.toString(), text);
  });

  it('sends a Blob as one message, and messages sent meanwhile after it', async (t) => {
    const { ws, peer } = await open(t, 'server, streams', { settings: { binaryType: 'blob' } });
    const { log, send } = sender(ws);
    const bytes = Buffer.alloc(200_000).map((_, i) => i * 7);
    send(new Blob([bytes]), 'blob');
    send('behind', 'text');
    ws.send(new Blob([]));
    const parts = [];
    for (let frame = await peer.frame(); ; frame = await peer.frame()) {
      assert.strictEqual(frame.opcode, parts.length === 0 ? BINARY : 0);
      parts.push(frame.payload);
      if (frame.fin) break;
    }
    assert.ok(Buffer.concat(parts).equals(bytes));
    assert.strictEqual((await peer.frame()).payload.toString(), 'behind');
    assert.deepStrictEqual(await peer.frame().then(({ opcode, fin, payload }) => [opcode, fin, payload.length]), [BINARY, true, 0]);
    await until(() => log.length === 2);
    assert.deepStrictEqual(log, ['blob', 'text']);
  });

  it('closes with 1011 for a Blob whose file has changed', { skip: fs.openAsBlob === undefined && 'no such Blobs in this version of Node.js' }, async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'blob-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'file');
    fs.writeFileSync(file, 'before');
    const blob = await fs.openAsBlob(file);
    fs.writeFileSync(file, 'longer than before');
    const { ws, peer, frame } = await open(t, 'server, streams', { settings: { binaryType: 'blob' } });
    const { log, send } = sender(ws);
    send(blob, 'blob');
    send('behind', 'text');
    const { opcode, payload } = await peer.frame();
    assert.deepStrictEqual([opcode, payload.readUInt16BE()], [CLOSE, 1011]);
    peer.write(frame(CLOSE, payload));
    await until(() => log.length === 2);
    assert.deepStrictEqual(log, [`blob: ${LOST}`, `text: ${LOST}`]);
  });

  it('throws for a Blob while there is no connection', async () => {
    const ws = new WebSocket.Client('ws://127.0.0.1:1/', [], { binaryType: 'blob' });
    assert.throws(() => ws.send(new Blob(['x'])), /^Error: A message can be streamed only while the WebSocket is open$/);
    await next(ws, 'close');
  });

  it('is the type of a binary message\'s data; the data event has Buffers', async (t) => {
    const { ws, peer, frame } = await open(t, 'server, streams', { settings: { binaryType: 'arraybuffer' } });
    const got = [];
    const data = [];
    ws.on('message', (event) => got.push(event.data));
    ws.on('data', (each) => data.push(each));
    const say = async (opcode, payload) => {
      const { length } = got;
      peer.write(frame(opcode, payload));
      await until(() => got.length > length);
      return got.at(-1);
    };
    for (const size of [3, 5000, 300_000]) {
      const buffer = await say(BINARY, Buffer.alloc(size, 7));
      assert.ok(buffer instanceof ArrayBuffer);
      assert.deepStrictEqual(Buffer.from(buffer), Buffer.alloc(size, 7));
      assert.ok(Buffer.isBuffer(data.at(-1)));
    }
    assert.strictEqual(await say(TEXT, 'text'), 'text');
    ws.binaryType = 'blob';
    assert.strictEqual(await (await say(BINARY, Buffer.from('abc'))).text(), 'abc');
    ws.binaryType = 'nodebuffer';
    assert.deepStrictEqual(await say(BINARY, Buffer.from('abc')), Buffer.from('abc'));
    assert.throws(() => { ws.binaryType = 'fragments'; }, TypeError);
    assert.strictEqual(ws.binaryType, 'nodebuffer');
  });

  it('has no effect without the option', async (t) => {
    const { ws, peer, frame } = await open(t, 'server, streams');
    assert.strictEqual(ws.binaryType, undefined);
    ws.binaryType = 'arraybuffer';
    assert.strictEqual(ws.binaryType, 'arraybuffer');
    const message = next(ws, 'message');
    peer.write(frame(BINARY, 'abc'));
    assert.deepStrictEqual((await message).data, Buffer.from('abc'));
    ws.send(bytes[0]);
    assert.strictEqual((await peer.frame()).payload.toString(), '1,2,3');
  });

  it('throws for another value', () => {
    assert.throws(() => new WebSocket.Client('ws://127.0.0.1:1/', [], { binaryType: 'Blob' }),
      new TypeError('binaryType must be one of nodebuffer, arraybuffer, blob'));
  });
});

describe('dispose', { skip: !Symbol.asyncDispose && 'this Node.js has no Symbol.asyncDispose' }, () => {
  it('closes, and waits for the close', async (t) => {
    const { ws, peer, frame } = await open(t, 'server, streams');
    const log = record(ws, ['close']);
    const disposed = ws[Symbol.asyncDispose]();
    assert.strictEqual((await peer.frame()).opcode, CLOSE);
    assert.deepStrictEqual(log, []);
    peer.write(frame(CLOSE, closePayload(1000)));
    await disposed;
    assert.deepStrictEqual(log, [['close', 1000, '']]);
    await ws[Symbol.asyncDispose]();
  });
});

it('none of it is enumerable', () => {
  const seen = [];
  for (const name in WebSocket.prototype) seen.push(name);
  for (const name of ['pong', 'isPaused', 'binaryType', '_deliveries', '_announce']) assert.ok(!seen.includes(name), name);
});
