'use strict';

// How a connection opens, as its listeners see it, when the bytes of the
// handshake and of the first messages arrive together or piece by piece.
//
// Held here against the original: B1 (frames that arrive before the server
// object exists crash it), B2 and B3 (sockets that ended before).

const assert = require('node:assert');
const net = require('node:net');
const { PassThrough } = require('node:stream');

const { it, differs } = require('../support/spec');
const { WebSocket } = require('../support/package_under_test');
const { httpServer, serverSide, openServer, clientSide, openClient } = require('../support/sides');
const { record, next, until } = require('../support/record');
const { RawPeer } = require('../support/raw_peer');
const { TEXT, BINARY, frame, masked } = require('../support/frames');
const handshakes = require('../support/handshakes');

it('server: opens in the next tick, so that listeners can be attached first', async (t) => {
  const states = [];
  const { ws, peer } = await serverSide(t, {
    protocols: ['echo'],
    head: handshakes.request({ 'Sec-WebSocket-Protocol': 'echo' }),
    setUp(made) {
      states.push([made.readyState, made.protocol, made.version, made.url]);
      made.onopen = function () {
        states.push([this === made, made.readyState, made.protocol]);
      };
    }
  });
  await peer.head();
  await until(() => ws.readyState === 1);
  assert.deepStrictEqual(states, [
    [0, '', 'hybi-13', 'ws://www.example.com/'],
    [true, 1, 'echo']
  ]);
});

it('server: delivers messages that came with the upgrade after open, in order', async (t) => {
  let log;
  const { peer } = await serverSide(t, {
    extra: Buffer.concat([masked(TEXT, 'one'), masked(BINARY, Buffer.from([1, 2])), masked(TEXT, 'two')]),
    setUp: (ws) => (log = record(ws))
  });
  await peer.head();
  await until(() => log.length >= 4);
  assert.deepStrictEqual(log, [['open'], ['message', 'one'], ['message', Buffer.from([1, 2])], ['message', 'two']]);
});

it('server: a listener attached in open sees the message that came with the upgrade', async (t) => {
  let seen;
  const got = new Promise((resolve) => (seen = resolve));
  await serverSide(t, {
    extra: masked(TEXT, 'early'),
    setUp(ws) {
      ws.onopen = () => (ws.onmessage = (event) => seen(event.data));
    }
  });
  assert.strictEqual(await got, 'early');
});

it('server: reads a frame that arrives byte by byte', async (t) => {
  const { ws, peer } = await openServer(t);
  const message = next(ws, 'message');
  await peer.drip(masked(TEXT, 'drop by drop'));
  assert.strictEqual((await message).data, 'drop by drop');
});

it('server: sends what was sent before open, in call order, before open', async (t) => {
  let during;
  const { peer } = await serverSide(t, {
    setUp(ws) {
      assert.strictEqual(ws.send('first'), true);
      assert.strictEqual(ws.ping('second'), true);
      ws.send(Buffer.from([3]));
      ws.onopen = () => {
        during = ws.readyState;
        ws.send('last');
      };
    }
  });
  await peer.head();
  const got = [];
  for (let i = 0; i < 4; i++) {
    const { opcode, payload } = await peer.frame();
    got.push([opcode, payload.toString('latin1')]);
  }
  assert.deepStrictEqual(got, [
    [1, 'first'],
    [9, 'second'],
    [2, '\x03'],
    [1, 'last']
  ]);
  assert.strictEqual(during, 1);
});

differs('B1', 'server: keeps frames that arrived before the object was made', async (t) => {
  const made = [];
  const { port } = await httpServer(t, async (request, socket, head) => {
    // An application that looks something up before it accepts.
    socket.unshift(head);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const ws = new WebSocket(request, socket, Buffer.alloc(0));
    made.push(record(ws));
  });
  const peer = await RawPeer.connect(port);
  t.after(() => peer.destroy());
  peer.write(handshakes.request());
  peer.write(masked(TEXT, 'early'));
  await peer.head();
  peer.write(masked(TEXT, 'late'));
  await until(() => made[0].length >= 3);
  assert.deepStrictEqual(made[0], [['open'], ['message', 'early'], ['message', 'late']]);
});

differs('B1', 'server: delivers messages of the head before those in the buffer of the socket', async (t) => {
  const made = [];
  let upgrade;
  const upgraded = new Promise((resolve) => (upgrade = resolve));
  const { port } = await httpServer(t, async (request, socket) => {
    upgrade();
    await until(() => socket.readableLength > 0);
    made.push(record(new WebSocket(request, socket, masked(TEXT, 'body'))));
  });
  const peer = await RawPeer.connect(port);
  t.after(() => peer.destroy());
  peer.write(handshakes.request());
  // Node's parser would take a frame that arrives with the request as the head.
  await upgraded;
  peer.write(masked(TEXT, 'socket'));
  await peer.head();
  await until(() => made[0].length >= 3);
  assert.deepStrictEqual(made[0], [['open'], ['message', 'body'], ['message', 'socket']]);
});

differs('B2', 'server: a peer that hung up before yields an object that closes', async (t) => {
  let answer;
  const outcome = new Promise((resolve) => (answer = resolve));
  const { port } = await httpServer(t, (request, socket, head) => {
    socket.resume();
    socket.on('end', () =>
      setImmediate(() => {
        const ws = new WebSocket(request, socket, head);
        const log = record(ws);
        const state = ws.readyState;
        ws.on('close', () => answer({ ws, state, log }));
      })
    );
  });
  const peer = await RawPeer.connect(port);
  t.after(() => peer.destroy());
  peer.write(handshakes.request());
  peer.end();
  const { ws, log } = await outcome;
  assert.ok(ws instanceof WebSocket);
  assert.strictEqual(ws.readyState, 3);
  assert.strictEqual(ws.send('x'), false);
  assert.deepStrictEqual(log.slice(-2), [['end'], ['close', 1006, '']]);
});

differs('B3', 'server: a destroyed socket yields an object that closes', async (t) => {
  let answer;
  const outcome = new Promise((resolve) => (answer = resolve));
  const { port } = await httpServer(t, (request, socket, head) => {
    socket.destroy();
    const ws = new WebSocket(request, socket, head);
    answer({ ws, log: record(ws), url: ws.url, sent: ws.send('x'), state: ws.readyState });
  });
  const peer = await RawPeer.connect(port);
  t.after(() => peer.destroy());
  peer.write(handshakes.request());
  const { log, url, sent, state } = await outcome;
  await until(() => log.length >= 2);
  assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
  assert.deepStrictEqual([url, sent, state], ['ws://www.example.com/', false, 3]);
});

differs('B3', 'server: so does a missing socket', async () => {
  const request = { method: 'GET', url: '/', headers: { host: 'h', upgrade: 'websocket', connection: 'upgrade' } };
  const ws = new WebSocket(request, undefined, null);
  const log = record(ws);
  assert.strictEqual(ws.send('x'), false);
  await until(() => log.length >= 2);
  assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
});

it('server: works on any duplex stream', async (t) => {
  const { Duplex } = require('node:stream');
  const written = [];
  const duplex = new Duplex({
    read() {},
    write(chunk, encoding, done) {
      written.push(chunk);
      done();
    }
  });
  duplex.setTimeout = duplex.setNoDelay = () => {};
  t.after(() => duplex.destroy());
  const request = {
    method: 'GET',
    url: '/chat?x=1',
    headers: {
      host: 'h',
      upgrade: 'websocket',
      connection: 'upgrade',
      'sec-websocket-key': handshakes.KEY,
      'sec-websocket-version': '13'
    }
  };
  const ws = new WebSocket(request, duplex, Buffer.alloc(0));
  const log = record(ws);
  await until(() => log.length === 1);
  duplex.push(masked(TEXT, 'over a stream'));
  await until(() => log.length === 2);
  assert.deepStrictEqual(log, [['open'], ['message', 'over a stream']]);
  ws.send('Hi');
  await until(() => Buffer.concat(written).includes(Buffer.from('81024869', 'hex')));
  assert.ok(Buffer.concat(written).toString('latin1').startsWith('HTTP/1.1 101 '));
  assert.strictEqual(ws.url, 'ws://h/chat?x=1');
});

it('client: opens when the 101 is complete, and knows its status and headers', async (t) => {
  const { ws, peer, head } = await clientSide(t, { protocols: ['foo', 'echo'] });
  const log = record(ws);
  assert.deepStrictEqual([ws.readyState, ws.protocol, ws.version, ws.statusCode], [0, '', 'hybi-13', undefined]);
  let inside;
  ws.onopen = () => (inside = [ws.readyState, ws.protocol, ws.statusCode, ws.headers.upgrade]);
  peer.write(handshakes.response(head, { 'Sec-WebSocket-Protocol': 'echo' }));
  await until(() => log.length === 1);
  assert.deepStrictEqual(inside, [1, 'echo', 101, 'websocket']);
});

it('client: delivers messages that came with the 101, even to listeners attached in open', async (t) => {
  const { ws, peer, head } = await clientSide(t);
  const seen = [];
  ws.onopen = () => {
    seen.push('open');
    ws.onmessage = (event) => seen.push(event.data);
  };
  const answer = Buffer.from(handshakes.response(head), 'latin1');
  peer.write(Buffer.concat([answer, frame(TEXT, 'one'), frame(TEXT, 'two')]));
  await until(() => seen.length === 3);
  assert.deepStrictEqual(seen, ['open', 'one', 'two']);
});

it('client: reads a response and a frame that arrive byte by byte', async (t) => {
  const { ws, peer, head } = await clientSide(t);
  const log = record(ws);
  const answer = Buffer.from(handshakes.response(head), 'latin1');
  await peer.drip(Buffer.concat([answer, frame(TEXT, 'slowly')]));
  await until(() => log.length === 2);
  assert.deepStrictEqual(log, [['open'], ['message', 'slowly']]);
});

it('client: sends what was sent while connecting, in call order', async (t) => {
  const { peer, head } = await clientSide(t, {
    setUp(ws) {
      assert.strictEqual(ws.send('one'), true);
      assert.strictEqual(ws.ping('two'), true);
      assert.strictEqual(ws.send('three'), true);
    }
  });
  peer.write(handshakes.response(head));
  const got = [];
  for (let i = 0; i < 3; i++) got.push((await peer.frame()).payload.toString());
  assert.deepStrictEqual(got, ['one', 'two', 'three']);
});

it('client: a port without a listener is an error event, not an exception of the constructor', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await next(server, 'listening');
  const { port } = server.address();
  server.close();
  await next(server, 'close');
  const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/`);
  const log = record(ws);
  await next(ws, 'close');
  assert.deepStrictEqual(log, [
    ['error', `Network error: ws://127.0.0.1:${port}/: connect ECONNREFUSED 127.0.0.1:${port}`],
    ['end'],
    ['close', 1006, '']
  ]);
  assert.deepStrictEqual([ws.readyState, ws.statusCode, ws.headers], [3, undefined, undefined]);
});

it('pipes a readable into a socket that is still connecting', async (t) => {
  const source = new PassThrough();
  const { peer, head } = await clientSide(t, { setUp: (ws) => source.pipe(ws) });
  source.write('early');
  peer.write(handshakes.response(head));
  const { opcode, payload } = await peer.frame();
  assert.deepStrictEqual([opcode, payload.toString()], [BINARY, 'early']);
});

it('client and server open once each', async (t) => {
  const { ws, peer } = await openClient(t);
  const log = record(ws);
  peer.write(frame(TEXT, 'HTTP/1.1 101 Switching Protocols\r\n\r\n'));
  await until(() => log.length === 1);
  assert.strictEqual(log[0][0], 'message');
});
