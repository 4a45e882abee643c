'use strict';

// A peer that goes while the application is paused, that never reads what it is sent, or whose end meets a listener
// that throws: on every path the application learns of it, and the socket is closed. What is expected is what the
// original does on Node's streams.

const assert = require('node:assert');
const net = require('node:net');
const { once } = require('node:events');
const { Writable } = require('node:stream');

const { it, describe } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { blockBeforeTimers } = require('./support/blocked_loop');
const { record, next, until } = require('./support/record');
const { caught } = require('./support/caught');
const { hasLoop, names, open, resets } = require('./support/paths');
const { rawServer, serverSide } = require('./support/sides');
const { request75, request76 } = require('./support/handshakes');
const { TEXT, CLOSE } = require('./support/frames');

const MIB = 1024 * 1024;
const NORMAL = Buffer.from([0x03, 0xe8]);

/** Other connections get their bytes meanwhile, and the loop turns. */
async function meanwhile() {
  const server = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = net.connect(server.address().port, '127.0.0.1');
  for (let i = 0; i < 10; i++) {
    socket.write('x');
    await once(socket, 'data');
  }
  socket.destroy();
  server.close();
}

const PAUSES = {
  'ws.pause()': async ({ ws }) => ws.pause(),
  'the pause() of its socket': async ({ ws }) => ws._stream.pause(),
  'a pipe into what takes no more': async ({ ws, peer, frame }) => {
    ws.pipe(new Writable({ highWaterMark: 1, write() {} }));
    const arrived = next(ws, 'message');
    peer.write(frame(TEXT, 'a'));
    await arrived;
  },
};

const ENDS = {
  FIN: async ({ peer }) => peer.socket.end(),
  // Whoever closes with unread bytes resets.
  RST: async ({ ws, peer }) => {
    peer.socket.pause();
    ws.send(Buffer.alloc(300_000));
    await until(() => ws.bufferedAmount === 0);
    peer.socket.destroy();
  },
  'a close frame': async ({ peer, frame }) => peer.write(frame(CLOSE, NORMAL)),
};

/** What is told before the application goes on, by the pause. */
const TOLD = {
  FIN: () => ['end', 'close 1006'],
  RST: () => ['error', 'end', 'close 1006'],
  // A reader that is paused takes one chunk more, if it was not that reader's own doing; a socket takes none.
  'a close frame': (pause) => (pause === 'ws.pause()' ? ['end', 'close 1000'] : []),
};

function noted(ws) {
  const log = [];
  for (const type of ['error', 'end']) ws.on(type, () => log.push(type));
  ws.on('message', ({ data }) => log.push(data));
  ws.on('close', ({ code }) => log.push(`close ${code}`));
  return log;
}

/** Writes on, whatever the other end does, for longer than a reset takes to come. */
async function sendOn(peer) {
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => peer.socket.write(Buffer.alloc(64), resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const REFUSED = { 'Sec-WebSocket-Key1': '1 2 3' };

for (const [name, make] of Object.entries({
  TCP: serverSide,
  TLS: (t, options) => serverSide(t, { ...options, secure: true }),
})) {
  for (const kernelSocket of [true, false]) {
    const settings = { kernelSocket };
    describe(`a client of a server over ${name} that sends on, ${kernelSocket ? 'by default' : 'on streams'}`, () => {
      it('reads why its handshake was refused', async (t) => {
        const { ws, peer } = await make(t, { head: request76(REFUSED), settings });
        peer.socket.pause();
        await until(() => ws.readyState === 3);
        await sendOn(peer);
        peer.socket.resume();
        assert.match(await peer.head(), /^HTTP\/1\.1 400 /);
        await peer.rest();
        assert.strictEqual(peer.error, null);
      });

      it('receives the messages sent before a draft’s connection was closed', async (t) => {
        const { ws, peer } = await make(t, { head: request75(), settings });
        await peer.head();
        peer.socket.pause();
        ws.send('the last');
        ws.close();
        await sendOn(peer);
        peer.socket.resume();
        assert.strictEqual((await peer.rest()).toString('latin1'), '\0the last\xff');
        assert.strictEqual(peer.error, null);
      });
    });
  }
}

for (const path of names) {
  describe(`ends: ${path}`, () => {
    for (const [pause, stop] of Object.entries(PAUSES)) {
      for (const [end, go] of Object.entries(ENDS)) {
        if (end === 'RST' && !resets(path)) continue;
        it(`${end} while paused by ${pause}`, async (t) => {
          const side = await open(t, path);
          const { ws } = side;
          await stop(side);
          const log = noted(ws);
          await meanwhile();
          await go(side);
          const expected = TOLD[end](pause);
          if (expected.length > 0) {
            await until(() => log.length === expected.length);
            assert.deepStrictEqual(log, expected);
            await until(() => ws._stream.destroyed);
          } else {
            await meanwhile();
            assert.deepStrictEqual(log, []);
            ws._stream.resume();
            ws.resume();
            await until(() => log.length === 2);
            assert.deepStrictEqual(log, ['end', 'close 1000']);
          }
        });
      }
    }

    it('a message that a paused socket holds back is delivered on resume, and the end after it', async (t) => {
      const { ws, peer, frame } = await open(t, path);
      const log = noted(ws);
      ws._stream.pause();
      await meanwhile();
      peer.write(frame(TEXT, 'held'));
      peer.socket.end();
      await meanwhile();
      assert.deepStrictEqual(log, []);
      ws._stream.resume();
      await until(() => log.length === 3);
      assert.deepStrictEqual(log, ['held', 'end', 'close 1006']);
    });

    it('paused and resumed again and again, in listeners and between them, nothing is lost', async (t) => {
      const { ws, peer, frame } = await open(t, path);
      const isPast = ws._driver._direct !== null;
      const got = [];
      ws.on('message', ({ data }) => {
        got.push(data);
        if (got.length % 3 === 0) {
          ws.pause();
          setImmediate(() => setImmediate(() => ws.resume()));
        } else if (got.length % 5 === 0) {
          ws._stream.pause();
          setTimeout(() => ws._stream.resume(), 1);
        }
      });
      const texts = Array.from({ length: 400 }, (_, i) => `${i}:`.padEnd(i * 7 % 3000, 'x'));
      const { bytesRead } = ws._stream;
      const wire = texts.map((text) => frame(TEXT, text));
      for (const bytes of wire) peer.write(bytes);
      await until(() => got.length === texts.length);
      assert.deepStrictEqual(got, texts);
      assert.strictEqual(ws._stream.bytesRead - bytesRead, wire.reduce((sum, { length }) => sum + length, 0));
      ws.resume();
      ws._stream.resume();
      await until(() => (ws._driver._direct !== null) === isPast);
      const arrived = next(ws, 'message');
      peer.write(frame(TEXT, 'z'));
      assert.strictEqual((await arrived).data, 'z');
    });

    it('a peer that has ended and never reads is disconnected, although output waits', async (t) => {
      const { ws, peer } = await open(t, path);
      const log = noted(ws);
      peer.socket.pause();
      for (let i = 0; i < 32; i++) ws.send(Buffer.alloc(MIB));
      await meanwhile();
      assert.ok(ws._stream.writableLength > 0, 'everything was taken');
      peer.socket.end();
      await until(() => ws._stream.destroyed);
      assert.deepStrictEqual(log.slice(0, 2), ['end', 'close 1006']);
    });

    it('a peer that sends on after a violation receives the close frame that names it', async (t) => {
      const { ws, peer, frame } = await open(t, path);
      const log = record(ws, ['close']);
      peer.socket.pause();
      peer.write(Buffer.concat([frame(TEXT, 'a', { rsv: 2 }), frame(TEXT, 'b')]));
      await until(() => log.length === 1);
      await sendOn(peer);
      peer.socket.resume();
      const { opcode, payload } = await peer.frame();
      assert.strictEqual(opcode, CLOSE);
      assert.strictEqual(payload.readUInt16BE(0), 1002);
      await peer.rest();
      assert.strictEqual(peer.error, null);
      peer.socket.end();
      await until(() => ws._stream.destroyed);
    });

    // Node's TLS and HTTP/2 end with the other side.
    it('a peer that does not end after a violation is disconnected', { skip: !['server, kernel path', 'client, ws'].includes(path) }, async (t) => {
      const { ws, peer, frame } = await open(t, path);
      peer.write(frame(TEXT, 'a', { rsv: 2 }));
      await until(() => ws._stream.destroyed);
      assert.strictEqual(ws.readyState, 3);
    });

    it('a listener of the error that throws keeps nobody from the end', { skip: !resets(path) }, async (t) => {
      const thrown = caught(t);
      const side = await open(t, path);
      const { ws } = side;
      ws.on('error', () => { throw new Error('of a listener'); });
      const log = record(ws, ['close']);
      const gone = new Promise((resolve) => ws._stream.once('close', resolve));
      await ENDS.RST(side);
      await gone;
      await until(() => log.length === 1);
      assert.deepStrictEqual(log, [['close', 1006, '']]);
      assert.deepStrictEqual(thrown, ['of a listener']);
      assert.strictEqual(ws._driver._id, 0xffffffff, 'its session is still held');
    });
  });
}

for (const [dialled, settings] of [['by default', {}], ['through Node', { kernelSocket: false }]]) {
  it(`a refused handshake, and a listener of the error that throws: a client dialled ${dialled}`, async (t) => {
    const thrown = caught(t);
    const { port, accept } = await rawServer(t);
    const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/`, [], settings);
    t.after(() => ws._stream.destroy());
    ws.on('error', () => { throw new Error('of a listener'); });
    const log = record(ws, ['close']);
    const peer = await accept();
    await peer.head();
    peer.write(Buffer.from('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'));
    await until(() => log.length === 1);
    await until(() => ws._stream.destroyed);
    assert.deepStrictEqual(log[0].slice(0, 2), ['close', 1002]);
    assert.deepStrictEqual(thrown, ['of a listener']);
  });
}

it('without the paths past Node’s streams, nothing is read past them', { skip: hasLoop && 'they are there' }, async (t) => {
  for (const path of names) assert.strictEqual((await open(t, path)).ws._driver._direct, null);
});

for (const path of names) {
  it(`${path}: a close frame that has come while the loop was blocked is read, also after closeTimeout`, async (t) => {
    const { ws, peer, frame } = await open(t, path, { settings: { closeTimeout: 1 } });
    const closed = next(ws, 'close');
    ws.close();
    const { payload } = await peer.frame();
    peer.write(frame(CLOSE, payload));
    blockBeforeTimers(1200);
    assert.strictEqual((await closed).code, 1000);
  });
}
