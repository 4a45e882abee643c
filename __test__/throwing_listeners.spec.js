'use strict';

// Listeners that throw where the process goes on all the same (`uncaughtException`): whatever would have come after
// comes after.

const assert = require('node:assert');
const dns = require('node:dns');
const http = require('node:http');
const { once } = require('node:events');

const { it, describe } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { clientSide } = require('./support/sides');
const { RawPeer } = require('./support/raw_peer');
const { until } = require('./support/record');
const { caught } = require('./support/caught');
const { names, open, isPast } = require('./support/paths');
const { pair, ca } = require('./support/network');
const { TEXT, BINARY, PONG } = require('./support/frames');

function received(ws, throwsAt) {
  const got = [];
  ws.on('message', ({ data }) => {
    got.push(data);
    if (throwsAt(data)) throw new Error(`at ${String(data).slice(0, 20)}`);
  });
  return got;
}

for (const path of names) {
  describe(`listeners that throw: ${path}`, () => {
    it('a chunk that comes while an older one waits is kept, however often they throw', async (t) => {
      const thrown = caught(t);
      const { ws, peer, frame } = await open(t, path);
      const got = received(ws, (data) => /[1-6]$/.test(data));
      for (const [i, texts] of [['A1', 'A2'], ['A3', 'A4'], ['A5', 'A6']].entries()) {
        peer.write(Buffer.concat(texts.map((text) => frame(TEXT, text))));
        await until(() => thrown.length === i + 1);
      }
      for (let i = 4; i <= 6; i++) {
        peer.write(frame(TEXT, 'quiet'));
        await until(() => thrown.length === i);
      }
      peer.write(frame(TEXT, 'last'));
      await until(() => got.includes('last'));
      assert.deepStrictEqual(got, ['A1', 'A2', 'A3', 'A4', 'A5', 'A6', 'quiet', 'quiet', 'quiet', 'last']);
      assert.strictEqual(ws.readyState, 1);
    });

    it('frames that are cut anywhere are still whole', async (t) => {
      const thrown = caught(t);
      const { ws, peer, frame } = await open(t, path);
      const messages = Array.from({ length: 60 }, (_, i) => (i % 7 === 3 ? Buffer.alloc(3000 * i, i) : `message ${i}`));
      const wire = Buffer.concat(messages.map((message) => frame(typeof message === 'string' ? TEXT : BINARY, message)));
      let count = 0;
      const got = received(ws, () => ++count % 3 === 0);
      const before = ws._stream.bytesRead;
      for (let from = 0; from < wire.length; from += 41777) {
        peer.write(wire.subarray(from, from + 41777));
        await until(() => ws._stream.bytesRead - before >= Math.min(from + 41777, wire.length));
      }
      let quiet = 0;
      while (got.length < messages.length + quiet) {
        peer.write(frame(TEXT, 'quiet'));
        quiet++;
        const { length } = thrown;
        await until(() => thrown.length > length || got.length === messages.length + quiet);
      }
      assert.deepStrictEqual(got.slice(0, messages.length), messages);
      assert.strictEqual(ws.readyState, 1);
    });

    it('a peer that sends much more than is delivered: what is behind catches up, and nothing more is read until then', async (t) => {
      const thrown = caught(t);
      const { ws, peer, frame } = await open(t, path);
      const got = received(ws, () => true);
      ws.on('close', () => got.push('close'));
      const texts = Array.from({ length: 5000 }, (_, i) => String(i).padEnd(400));
      peer.write(Buffer.concat(texts.map((text) => frame(TEXT, text))));
      // The rest, less than two reads of a socket, waits for the next chunk.
      await until(() => got.length > texts.length - 500);
      peer.socket.end();
      await until(() => got.includes('close'));
      assert.deepStrictEqual(got, [...texts, 'close']);
      await until(() => thrown.length === texts.length);
    });

    it('messages behind the one whose listener threw are delivered when the peer ends, and \'close\' after them', async (t) => {
      const thrown = caught(t);
      const { ws, peer, frame } = await open(t, path);
      const got = received(ws, (data) => data !== 'c');
      ws.on('close', () => got.push('close'));
      peer.write(Buffer.concat(['a', 'b', 'c'].map((text) => frame(TEXT, text))));
      await until(() => thrown.length === 1);
      peer.socket.end();
      await until(() => got.includes('close'));
      assert.deepStrictEqual(got, ['a', 'b', 'c', 'close']);
      assert.deepStrictEqual(thrown, ['at a', 'at b']);
    });

    it('of \'error\', \'end\' and \'close\' all throw, and all are called', async (t) => {
      const thrown = caught(t);
      const { ws, peer, frame } = await open(t, path);
      const told = [];
      const tell = (emitter, who, types) => {
        for (const type of types) {
          emitter.on(type, () => {
            told.push(`${who} ${type}`);
            throw new Error(`${who} ${type}`);
          });
        }
      };
      tell(ws, 'socket', ['error', 'end', 'close']);
      tell(ws._driver, 'driver', ['error', 'close']);
      tell(ws._driver.messages, 'messages', ['error', 'end']);
      const ended = new Promise((resolve) => peer.socket.once('end', resolve));
      peer.write(frame(3, 'no such opcode'));
      await until(() => told.includes('socket close'));
      assert.deepStrictEqual(told.sort(), [
        'driver close', 'driver error', 'messages end', 'messages error', 'socket close', 'socket end', 'socket error',
      ]);
      assert.strictEqual(ws.readyState, 3);
      await until(() => thrown.length === told.length);
      assert.deepStrictEqual(thrown.sort(), told);
      await ended;
    });

    it('all throw, and the peer ends before it has read the messages sent to it', async (t) => {
      const thrown = caught(t);
      const { ws, peer, frame } = await open(t, path);
      const told = [];
      for (const type of ['error', 'close']) {
        ws.on(type, () => {
          told.push(type);
          throw new Error(type);
        });
      }
      peer.socket.pause();
      while (ws.send(Buffer.alloc(100000)));
      ws.send(Buffer.alloc(4000000));
      peer.write(frame(3, 'no such opcode'));
      await until(() => told.includes('close'));
      peer.end();
      peer.socket.resume();
      await until(() => peer.ended);
      assert.deepStrictEqual([told, ws.readyState], [['error', 'close'], 3]);
      await until(() => thrown.length === 2);
    });

    it('an \'error\' listener throws when the peer resets the connection', async (t) => {
      const thrown = caught(t);
      const { ws, peer } = await open(t, path);
      const closed = new Promise((resolve) => ws.once('close', ({ code }) => resolve(code)));
      ws.on('error', () => {
        throw new Error('error');
      });
      ws.send('unread');
      peer.socket.pause();
      const raw = peer.socket._parent || peer.socket;
      if (raw.resetAndDestroy) raw.resetAndDestroy();
      else raw.destroy();
      assert.strictEqual(await closed, 1006);
      await until(() => thrown.every((message) => message === 'error'));
    });

    it('a ping\'s callback throws: other listeners are called, and later messages delivered', async (t) => {
      const thrown = caught(t);
      const { ws, peer, frame } = await open(t, path);
      const got = received(ws, () => false);
      const pongs = [];
      ws._driver.on('pong', ({ data }) => pongs.push(data));
      ws.ping('one', () => {
        throw new Error('callback');
      });
      await peer.frame();
      peer.write(Buffer.concat([frame(PONG, 'one'), frame(TEXT, 'a')]));
      await until(() => thrown.length === 1);
      peer.write(frame(TEXT, 'b'));
      await until(() => got.length === 2);
      assert.deepStrictEqual([got, pongs], [['a', 'b'], ['one']]);
    });

    it('an \'open\' listener throws', async (t) => {
      const thrown = caught(t);
      const opened = [];
      let got;
      const { ws, peer, frame } = await open(t, path, {
        setUp(ws) {
          got = received(ws, () => false);
          ws._driver.on('open', () => opened.push('driver'));
          ws.on('open', () => {
            opened.push('socket');
            throw new Error('open');
          });
        },
      });
      peer.write(Buffer.concat([frame(TEXT, 'a'), frame(TEXT, 'b')]));
      await until(() => got.length === 2);
      assert.deepStrictEqual([got, opened, thrown], [['a', 'b'], ['socket', 'driver'], ['open']]);
      assert.strictEqual(ws._driver._direct !== null, isPast(path));
    });

    it('a \'drain\' listener throws: a stream piped into the messages continues', async (t) => {
      const thrown = caught(t);
      const { ws, peer } = await open(t, path);
      const drained = [];
      ws.on('drain', () => {
        throw new Error('drain');
      });
      ws._driver.messages.on('drain', () => drained.push('messages'));
      peer.socket.pause();
      while (ws.send(Buffer.alloc(100000)));
      peer.socket.resume();
      await until(() => drained.length === 1 && thrown.length === 1);
    });
  });
}

for (const secure of [false, true]) {
  for (const [name, settings] of [['native', {}], ['through Node', { net: { lookup: dns.lookup } }]]) {
    it(`a client's 'error' listener throws when the handshake is refused: ${secure ? 'wss' : 'ws'}, ${name}`, async (t) => {
      const thrown = caught(t);
      const { ws, peer } = await clientSide(t, {
        scheme: secure ? 'wss' : 'ws', settings: { tls: { ca }, ...settings }, server: secure ? { tls: pair('server') } : {},
      });
      ws.on('error', () => {
        throw new Error('error');
      });
      const closed = new Promise((resolve) => ws.once('close', ({ code }) => resolve(code)));
      peer.write(Buffer.from('HTTP/1.1 404 Not Found\r\n\r\n'));
      assert.strictEqual(await closed, 1002);
      assert.deepStrictEqual(thrown, ['error']);
    });
  }
}

it('listeners of an EventSource throw', async (t) => {
  const thrown = caught(t);
  const told = [];
  const server = http.createServer((request, response) => {
    const stream = new WebSocket.EventSource(request, response);
    for (const type of ['open', 'close']) {
      stream.on(type, () => {
        told.push(type);
        throw new Error(type);
      });
    }
    stream.send('hello');
  });
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const peer = await RawPeer.connect(server.address().port);
  peer.write(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n'));
  await peer.head();
  await until(() => told.length === 1);
  peer.socket.destroy();
  await until(() => told.length === 2 && thrown.length === 2);
  assert.deepStrictEqual([told, thrown], [['open', 'close'], ['open', 'close']]);
});
