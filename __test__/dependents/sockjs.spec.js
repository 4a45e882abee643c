'use strict';

// sockjs 0.3.24 with our server side in it, sockjs-client 1.6.1 with our client.

const assert = require('node:assert');
const { once } = require('node:events');

const { after, differs, it } = require('../support/spec');
const { assertSubstituted } = require('../support/substitute');
const { httpServer } = require('../support/sides');
const { next } = require('../support/record');
const { RawPeer } = require('../support/raw_peer');
const { PING, PONG, masked } = require('../support/frames');
const handshakes = require('../support/handshakes');

const { WebSocket } = require('../support/package_under_test');
const deflate = require('permessage-deflate');
const sockjs = require('sockjs');
const SockJS = require('sockjs-client');

after(assertSubstituted);

/** An HTTP server with SockJS at /echo; `onConnection` defaults to an echo. */
async function serve(t, options, onConnection) {
  const echo = sockjs.createServer({ log: () => {}, ...options });
  const connections = [];
  echo.on('connection', (connection) => {
    connections.push(connection);
    if (onConnection) onConnection(connection);
    else connection.on('data', (message) => connection.write(message));
  });
  const { server, port } = await httpServer(t, () => {});
  server.removeAllListeners('upgrade');
  echo.installHandlers(server, { prefix: '/echo' });
  return { port, echo, connections };
}

/** A sockjs-client that may use WebSockets only. */
function client(t, port) {
  const socket = new SockJS(`http://127.0.0.1:${port}/echo`, null, { transports: ['websocket'] });
  t.after(() => socket.close());
  return socket;
}

function opened(socket) {
  return new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onclose = (event) => reject(new Error(`closed: ${event.code} ${event.reason}`));
  });
}

function messages(socket, count) {
  const got = [];
  return new Promise((resolve) => {
    socket.onmessage = (event) => {
      got.push(event.data);
      if (got.length === count) resolve(got);
    };
  });
}

it('echoes over the websocket transport', async (t) => {
  const { port, connections } = await serve(t);
  const socket = client(t, port);
  await opened(socket);
  assert.strictEqual(socket.transport, 'websocket');
  assert.strictEqual(connections[0].protocol, 'websocket');

  const sent = ['hello', '', 'ünïcödé \u{1f600} \u2028', 'x'.repeat(200000)];
  const echoed = messages(socket, sent.length);
  for (const message of sent) socket.send(message);
  assert.deepStrictEqual(await echoed, sent);
});

it('tells the client the code and reason with which the server closed', async (t) => {
  const { port } = await serve(t, {}, (connection) => {
    connection.on('data', () => connection.close(3123, 'enough'));
  });
  const socket = client(t, port);
  await opened(socket);
  const closed = new Promise((resolve) => (socket.onclose = resolve));
  socket.send('go');
  const event = await closed;
  assert.deepStrictEqual([event.code, event.reason, event.wasClean], [3123, 'enough', true]);
});

it('ends the server connection when the client closes', async (t) => {
  let connection;
  const { port } = await serve(t, {}, (made) => (connection = made));
  const socket = client(t, port);
  await opened(socket);
  const closed = once(connection, 'close');
  socket.close();
  await closed;
  assert.strictEqual(connection.readyState, 3);
});

it('ends the server connection when the peer disappears', async (t) => {
  let connection;
  const { port } = await serve(t, {}, (made) => (connection = made));
  const peer = await RawPeer.connect(port);
  peer.write(handshakes.request({}, { path: '/echo/000/abcdefgh/websocket' }));
  await peer.head();
  assert.strictEqual((await peer.frame()).payload.toString(), 'o');
  const closed = once(connection, 'close');
  peer.reset();
  await closed;
});

it('hands SockJS the address and headers of the peer', async (t) => {
  const { port, connections } = await serve(t);
  const peer = await RawPeer.connect(port);
  t.after(() => peer.destroy());
  peer.write(handshakes.request({ 'X-Client-Ip': '10.1.2.3' }, { path: '/echo/000/abcdefgh/websocket' }));
  await peer.head();
  await peer.frame();
  const [connection] = connections;
  assert.strictEqual(connection.remoteAddress, '127.0.0.1');
  assert.strictEqual(connection.remotePort, peer.socket.localPort);
  assert.strictEqual(connection.headers['x-client-ip'], '10.1.2.3');
  // What applications reach for to find cookies.
  assert.strictEqual(connection._session.recv.ws._driver._request.headers['x-client-ip'], '10.1.2.3');
});

it('keeps connections alive with pings', async (t) => {
  const { port, connections } = await serve(t, { heartbeat_delay: 40 });
  const peer = await RawPeer.connect(port);
  peer.write(handshakes.request({}, { path: '/echo/000/abcdefgh/websocket' }));
  await peer.head();
  assert.strictEqual((await peer.frame()).payload.toString(), 'o');
  const { ws } = connections[0]._session.recv;
  for (let i = 0; i < 3; i++) {
    const { opcode, payload } = await peer.frame();
    assert.deepStrictEqual([opcode, payload.length], [PING, 0]);
    const ponged = next(ws._driver, 'pong');
    peer.write(masked(PONG));
    await ponged;
  }
  // Not left unanswered: SockJS would wait ten seconds for its pong.
  peer.destroy();
  await once(connections[0], 'close');
});

it('answers pings in the client', async (t) => {
  const { port, connections } = await serve(t, { heartbeat_delay: 30 });
  const socket = client(t, port);
  await opened(socket);
  const { ws } = connections[0]._session.recv;
  await next(ws._driver, 'pong');
  await next(ws._driver, 'pong');
  connections[0].destroy();
});

it('serves the raw endpoint to our client', async (t) => {
  const { port } = await serve(t);
  const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/echo/websocket`);
  await next(ws, 'open');
  ws.send('raw');
  assert.strictEqual((await next(ws, 'message')).data, 'raw');
  ws.close(3001, 'bye');
  const { code } = await next(ws, 'close');
  assert.strictEqual(code, 3001);
});

differs('D2', 'serves version 8 at the raw endpoint, as sockjs means to', async (t) => {
  const { port } = await serve(t);
  const peer = await RawPeer.connect(port);
  t.after(() => peer.destroy());
  peer.write(handshakes.request({ 'Sec-WebSocket-Version': '8' }, { path: '/echo/websocket' }));
  assert.match(await peer.head(), /^HTTP\/1\.1 101 /);
});

differs('D1', 'serves draft 76, with heartbeats as SockJS frames', async (t) => {
  const { port } = await serve(t, { heartbeat_delay: 40 });
  const peer = await RawPeer.connect(port);
  t.after(() => peer.destroy());
  peer.write(handshakes.request76({}, { path: '/echo/000/abcdefgh/websocket' }));
  peer.write(handshakes.HIXIE76.body);
  assert.match(await peer.head(), /^HTTP\/1\.1 101 WebSocket Protocol Handshake/);
  assert.deepStrictEqual(await peer.read(16), handshakes.HIXIE76.answer);
  assert.strictEqual((await peer.read(3)).toString('latin1'), '\x00o\xff');
  assert.strictEqual((await peer.read(3)).toString('latin1'), '\x00h\xff');
});

it('compresses through faye_server_options, as Meteor sets it up', async (t) => {
  const { port } = await serve(t, { faye_server_options: { extensions: [deflate] } });
  const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/echo/000/abcdefgh/websocket`, [], {
    extensions: [deflate],
    headers: { 'User-Agent': 'meteor' },
    proxy: {}
  });
  t.after(() => ws.close());
  const seen = [];
  ws.on('message', (event) => seen.push(event.data));
  await next(ws, 'open');
  assert.match(ws.headers['sec-websocket-extensions'], /^permessage-deflate/);
  const text = 'compressible '.repeat(1000);
  ws.send(JSON.stringify([text]));
  while (seen.length < 2) await next(ws, 'message');
  assert.deepStrictEqual(seen, ['o', `a${JSON.stringify([text])}`]);
});
