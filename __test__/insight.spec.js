'use strict';

// What is told of connections to those who look: channels of node:diagnostics_channel, stats, util.inspect.

const assert = require('node:assert');
const { channel } = require('node:diagnostics_channel');
const { inspect } = require('node:util');

const { it, describe } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { next, until } = require('./support/record');
const { caught } = require('./support/caught');
const { names, open, isPast } = require('./support/paths');
const { openServer } = require('./support/sides');
const handshakes = require('./support/handshakes');
const { closePayload, TEXT, BINARY, CLOSE, PING, PONG } = require('./support/frames');

const CHANNELS = ['open', 'close', 'error', 'ping', 'pong'];

/** Writes down what the channels tell, until the test ends. */
function listen(t, except = () => false) {
  const log = [];
  for (const name of CHANNELS) {
    const subscribed = channel(`faye-websocket:${name}`);
    const subscriber = ({ websocket, ...more }, own) => {
      if (!except(websocket)) log.push([own, websocket, more]);
    };
    subscribed.subscribe(subscriber);
    t.after(() => subscribed.unsubscribe(subscriber));
  }
  return log;
}

for (const path of names) {
  const role = path.split(',')[0];

  describe(`insight: ${path}`, () => {
    it('channels publish opening and closing, and the side', async (t) => {
      const all = listen(t);
      const { ws, peer, frame } = await open(t, path);
      // Others may still be closing.
      const log = () => all.filter(([, websocket]) => websocket === ws);
      await until(() => log().length === 1);
      peer.write(Buffer.concat([frame(PING, 'p'), frame(PONG, 'q'), frame(CLOSE, closePayload(3000, 'bye'))]));
      await until(() => log().length === 4);
      assert.deepStrictEqual(log().map(([name, , more]) => [name.replace('faye-websocket:', ''), more]), [
        ['open', { role }], ['ping', { role, data: Buffer.from('p') }], ['pong', { role, data: Buffer.from('q') }],
        ['close', { role, code: 3000, reason: 'bye' }],
      ]);
    });

    it('channels publish an error', async (t) => {
      const { ws, peer, frame } = await open(t, path);
      const log = listen(t, (websocket) => websocket !== ws);
      peer.write(frame(3, 'no such opcode'));
      await until(() => log.length === 2);
      const message = 'Unrecognized frame opcode: 3';
      assert.deepStrictEqual(log.map(([name, , more]) => [name, more]), [
        ['faye-websocket:error', { role, message }], ['faye-websocket:close', { role, code: 1002, reason: message }],
      ]);
    });

    it('stats count messages and bytes after their first use, and measure pings', async (t) => {
      const { ws, peer, frame } = await open(t, path);
      peer.write(frame(TEXT, 'before'));
      await next(ws, 'message');
      const { wireBytesReceived, wireBytesSent, ...first } = ws.stats;
      assert.deepStrictEqual(first, {
        path: /HTTP\/2/.test(path) ? 'http2' : isPast(path) ? 'loop' : 'stream', isCompressed: false,
        messagesReceived: 0, messagesSent: 0, bytesReceived: 0, bytesSent: 0, roundTripTime: null,
      });
      const echoes = [];
      ws.on('message', ({ data }) => { ws.send(data); echoes.push(data); });
      peer.write(Buffer.concat([frame(TEXT, 'größe'), frame(BINARY, Buffer.alloc(70_000))]));
      await until(() => echoes.length === 2);
      for (let i = 0; i < 2; i++) await peer.frame();
      // One that is congested is skipped.
      await until(() => WebSocket.broadcast([ws], 'to all').sent === 1);
      await peer.frame();
      ws.ping('when');
      const ping = await peer.frame();
      peer.write(frame(PONG, ping.payload));
      await until(() => ws.stats.roundTripTime !== null);
      const after = ws.stats;
      assert.deepStrictEqual([after.messagesReceived, after.messagesSent, after.bytesReceived, after.bytesSent], [2, 3, 70_007, 70_013]);
      assert.ok(after.roundTripTime >= 0 && after.roundTripTime < 15_000);
      if (wireBytesReceived !== null) assert.ok(after.wireBytesReceived - wireBytesReceived > 70_007, 'nothing was received');
      if (wireBytesSent !== null) assert.ok(after.wireBytesSent - wireBytesSent > 70_013, 'nothing was sent');
    });
  });
}

it('stats distinguish sizes on the wire from those of messages', async (t) => {
  const { ws, peer } = await openServer(t, {
    head: handshakes.request({ 'Sec-WebSocket-Extensions': 'permessage-deflate' }), settings: { deflate: true },
  });
  const { wireBytesSent } = ws.stats;
  ws.send('a'.repeat(100_000));
  await peer.frame();
  const after = ws.stats;
  assert.deepStrictEqual([after.isCompressed, after.messagesSent, after.bytesSent], [true, 1, 100_000]);
  assert.ok(after.wireBytesSent - wireBytesSent < 1000);
});

it('a message that is refused is not counted', async (t) => {
  const { ws, peer } = await open(t, 'server, streams', { settings: { maxBackpressure: 10, onBackpressure: 'drop' } });
  peer.socket.pause();
  assert.strictEqual(ws.stats.messagesSent, 0);
  let sent = 0;
  for (; ws.droppedMessages === 0; sent++) ws.send(Buffer.alloc(1 << 20));
  assert.strictEqual(ws.stats.messagesSent, sent - 1);
});

it('a subscriber that throws has no effect on the connection', async (t) => {
  const thrown = caught(t);
  const opened = channel('faye-websocket:open');
  const subscriber = () => {
    throw new Error('of a subscriber');
  };
  opened.subscribe(subscriber);
  t.after(() => opened.unsubscribe(subscriber));
  const { ws, peer, frame } = await open(t, 'server, streams');
  const message = next(ws, 'message');
  peer.write(frame(TEXT, 'still'));
  assert.strictEqual((await message).data, 'still');
  assert.deepStrictEqual(thrown, ['of a subscriber']);
});

describe('util.inspect', () => {
  it('shows side, URL and state', async (t) => {
    const { ws } = await open(t, 'server, streams');
    const text = inspect(ws);
    assert.match(text, /^WebSocket \(server\) \{\n/);
    for (const line of [/url: 'ws:\/\/www\.example\.com\/'/, /readyState: 'OPEN'/, /version: 'hybi-13'/, /path: 'stream'/, /bufferedAmount: 0/]) {
      assert.match(text, line);
    }
    assert.ok(text.split('\n').length < 12, text);
    ws.pause();
    assert.match(inspect(ws), /isPaused: true/);
    ws.terminate();
    assert.match(inspect(ws), /readyState: 'CLOSED'[^]*code: 1006/);
    assert.match(inspect({ a: { b: { ws } } }, { depth: 1 }), /\[Object\]/);
    assert.match(inspect({ a: { b: ws } }, { depth: 1 }), /\[WebSocket \(server\)\]/);
  });

  it('names a client, and does not throw for a prototype', (t) => {
    const client = new WebSocket.Client('ws://127.0.0.1:1/x');
    t.after(() => client.terminate());
    assert.match(inspect(client), /^Client \(client\) \{[^]*url: 'ws:\/\/127\.0\.0\.1:1\/x'[^]*readyState: 'CONNECTING'/);
    assert.strictEqual(typeof inspect(WebSocket.prototype), 'string');
    assert.strictEqual(typeof inspect(WebSocket.Client.prototype), 'string');
  });
});
