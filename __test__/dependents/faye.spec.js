'use strict';

// Faye 1.4.3: publish and subscribe over WebSocket with our class at both
// ends, and over EventSource with ours at the server's.

const assert = require('node:assert');
const { once } = require('node:events');
const http = require('node:http');
const https = require('node:https');

const { after, it } = require('../support/spec');
const { assertSubstituted } = require('../support/substitute');
const { certificate } = require('../support/certificate');
const { next, until } = require('../support/record');
const { WebSocket } = require('../support/package_under_test');

// Faye's timers outlive its clients by a minute, which would keep this process up for nothing.
const { setTimeout: startTimer } = globalThis;
globalThis.setTimeout = Object.assign((...args) => startTimer(...args).unref(), startTimer);

const deflate = require('permessage-deflate');
const faye = require('faye');
const EventSource = require(require.resolve('eventsource', { paths: [require.resolve('sockjs-client')] }));

after(assertSubstituted);

async function serve(t, options, tls) {
  const bayeux = new faye.NodeAdapter({ mount: '/bayeux', timeout: 20, ...options });
  const server = tls ? https.createServer(tls) : http.createServer();
  bayeux.attach(server);
  const sockets = new Set();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, 'localhost');
  await once(server, 'listening');
  t.after(() => {
    bayeux.close();
    server.close();
    // closeAllConnections leaves out those that have been upgraded.
    for (const socket of sockets) socket.destroy();
  });
  return { bayeux, server, url: `${tls ? 'https' : 'http'}://localhost:${server.address().port}/bayeux` };
}

// A Faye client is thenable and may never settle: it is never awaited itself.
async function join(t, url, { extension, ...options } = {}) {
  const client = new faye.Client(url, options);
  client.disable('eventsource');
  if (extension) client.addWebsocketExtension(extension);
  t.after(() => {
    client.disconnect();
    // The server may be gone before it could answer, and the client waits for that answer.
    client._dispatcher._transport?._socket?._stream.destroy();
  });
  client.connect();
  // It shakes hands over HTTP, then goes over to WebSocket.
  await until(() => client._dispatcher._transport?.connectionType === 'websocket' && client._dispatcher._transport._socket);
  assert.ok(client._dispatcher._transport._socket instanceof WebSocket.Client);
  return { client };
}

/** Subscribes; resolves with a promise of the first message. */
async function subscribe(client, channel) {
  let receive;
  const message = new Promise((resolve) => (receive = resolve));
  // A subscription fulfils with itself: awaiting it would never end.
  const subscription = client.subscribe(channel, receive);
  await new Promise((resolve, reject) => subscription.then(() => resolve(), reject));
  return { message };
}

async function exchange(t, url, options) {
  const { client: alice } = await join(t, url, options);
  const { client: bob } = await join(t, url, options);
  const { message } = await subscribe(alice, '/messages/foo');
  await bob.publish('/messages/foo', { hello: 'wörld', size: 'x'.repeat(100000) });
  assert.deepStrictEqual(await message, { hello: 'wörld', size: 'x'.repeat(100000) });
}

it('publishes over WebSocket', async (t) => {
  const { url } = await serve(t);
  await exchange(t, url);
});

it('publishes over a secure WebSocket', async (t) => {
  const { key, cert } = certificate();
  const { url } = await serve(t, {}, { key, cert });
  await exchange(t, url, { tls: { ca: cert } });
});

it('publishes with permessage-deflate on both sides', async (t) => {
  const { bayeux, url } = await serve(t, { ping: 10 });
  bayeux.addWebsocketExtension(deflate);
  const { client: alice } = await join(t, url, { extension: deflate });
  const { client: bob } = await join(t, url, { extension: deflate });
  const { message } = await subscribe(alice, '/deflated');
  await bob.publish('/deflated', { text: 'again '.repeat(1000) });
  assert.deepStrictEqual(await message, { text: 'again '.repeat(1000) });
});

it('reconnects after its socket was lost', async (t) => {
  const { url } = await serve(t);
  const { client } = await join(t, url, { retry: 0.05 });
  const { message } = await subscribe(client, '/again');
  const lost = client._dispatcher._transport._socket;
  const closed = next(lost, 'close');
  lost._stream.destroy();
  assert.strictEqual((await closed).code, 1006);
  client.publish('/again', { back: true });
  assert.deepStrictEqual(await message, { back: true });
  assert.notStrictEqual(client._dispatcher._transport._socket, lost);
});

it('closes the socket of a client that disconnects', async (t) => {
  const { url } = await serve(t);
  const { client } = await join(t, url);
  await subscribe(client, '/leaving');
  const closed = next(client._dispatcher._transport._socket, 'close');
  client.disconnect();
  const event = await closed;
  assert.strictEqual(event.code, 1000);
});

it('delivers over EventSource', async (t) => {
  const { bayeux, url } = await serve(t, { ping: 0.05 });
  const post = async (message) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(message)
    });
    return (await response.json())[0];
  };

  const { clientId } = await post({
    channel: '/meta/handshake',
    version: '1.0',
    supportedConnectionTypes: ['eventsource', 'long-polling']
  });
  const source = new EventSource(`${url}/${clientId}`);
  t.after(() => source.close());
  await new Promise((resolve) => (source.onopen = resolve));
  const { successful } = await post({ channel: '/meta/subscribe', clientId, subscription: '/news' });
  assert.strictEqual(successful, true);

  const arrived = new Promise((resolve) => (source.onmessage = resolve));
  bayeux.getClient().publish('/news', { line: 'one\ntwo' });
  post({ channel: '/meta/connect', clientId, connectionType: 'eventsource' }).catch(() => {});
  const [message] = JSON.parse((await arrived).data);
  assert.strictEqual(message.channel, '/news');
  assert.deepStrictEqual(message.data, { line: 'one\ntwo' });
});
