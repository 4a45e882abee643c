'use strict';

// Puts the package under test on one side of a TCP connection and a RawPeer
// on the other. Everything is torn down when the test ends.

const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const tls = require('node:tls');
const { once } = require('node:events');

const { WebSocket } = require('./package_under_test');
const { RawPeer } = require('./raw_peer');
const handshakes = require('./handshakes');
const { pair, ca } = require('./network');

/** Collects what must be closed after a test. */
function sockets(t, server) {
  const open = new Set();
  for (const type of ['connection', 'secureConnection']) {
    server.on(type, (socket) => {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => open.delete(socket));
    });
  }
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
}

/**
 * An HTTP server that hands every upgrade to `onUpgrade(request, socket, head)`.
 *
 * @param {object} [options] `tls` for an HTTPS server
 * @returns {Promise<{server: http.Server, port: number}>}
 */
async function httpServer(t, onUpgrade, options = {}) {
  const server = options.tls ? https.createServer(options.tls) : http.createServer();
  sockets(t, server);
  server.on('upgrade', onUpgrade);
  server.listen(0, options.host || '127.0.0.1');
  await once(server, 'listening');
  return { server, port: server.address().port };
}

/** A raw client of a server over TLS on this machine. */
async function dialTLS(port) {
  // Over a socket of its own, which can be reset.
  const socket = tls.connect({ socket: net.connect(port, '127.0.0.1'), host: '127.0.0.1', ca });
  await once(socket, 'secureConnect');
  return new RawPeer(socket);
}

/**
 * Our server side with a raw client: the request has been written, nothing
 * read yet. `setUp(ws)` runs in the tick of the construction; `secure` is for TLS.
 *
 * @returns {Promise<{ws: object, peer: RawPeer, socket: net.Socket}>}
 */
async function serverSide(t, options = {}) {
  const { head = handshakes.request(), protocols, body, settings, setUp, secure, extra = '' } = options;
  let made;
  const constructed = new Promise((resolve) => {
    made = resolve;
  });
  const { port } = await httpServer(t, (request, socket, rest) => {
    const ws = new WebSocket(request, socket, body === undefined ? rest : body, protocols, settings);
    if (setUp) setUp(ws, request, socket);
    made({ ws, socket, request });
  }, secure ? { tls: pair('server') } : {});
  const peer = await (secure ? dialTLS(port) : RawPeer.connect(port));
  t.after(() => peer.destroy());
  peer.write(Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(extra)]));
  const side = await constructed;
  return { ...side, peer };
}

/** As serverSide, with the 101 already read: the connection is open. */
async function openServer(t, options = {}) {
  const side = await serverSide(t, options);
  side.response = await side.peer.head();
  return side;
}

/** A raw client of a server that is elsewhere, say in another process: its connection is open. */
async function dial(t, port, head = handshakes.request()) {
  const peer = await RawPeer.connect(port);
  t.after(() => peer.destroy());
  peer.write(Buffer.from(head, 'latin1'));
  await peer.head();
  return peer;
}

/**
 * A TCP (or TLS) server for our client to dial.
 *
 * @returns {Promise<{port: number, accept: () => Promise<RawPeer>}>}
 */
async function rawServer(t, options = {}) {
  const server = options.tls
    ? tls.createServer({ ...options.tls, allowHalfOpen: true })
    : net.createServer({ allowHalfOpen: true });
  sockets(t, server);
  server.on('tlsClientError', () => {});
  const arrived = [];
  const awaited = [];
  server.on(options.tls ? 'secureConnection' : 'connection', (socket) => {
    const peer = new RawPeer(socket);
    const resolve = awaited.shift();
    if (resolve) resolve(peer);
    else arrived.push(peer);
  });
  server.listen(0, options.host || '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    port: server.address().port,
    accept: () => (arrived.length ? Promise.resolve(arrived.shift()) : new Promise((resolve) => awaited.push(resolve)))
  };
}

/**
 * Our client side with a raw server, whose peer has read the request head.
 *
 * @returns {Promise<{ws: object, peer: RawPeer, head: string, port: number}>}
 */
async function clientSide(t, options = {}) {
  const { path = '/', protocols, settings, setUp, scheme = 'ws', credentials = '' } = options;
  const { port, accept } = await rawServer(t, options.server);
  const url = `${scheme}://${credentials}127.0.0.1:${port}${path}`;
  const ws = new WebSocket.Client(url, protocols, settings);
  t.after(() => ws.close());
  if (setUp) setUp(ws);
  const peer = await accept();
  const head = await peer.head();
  return { ws, peer, head, port, url };
}

/** As clientSide, after a correct 101 (plus `extra` bytes in the same write). */
async function openClient(t, options = {}) {
  const side = await clientSide(t, options);
  const opened = new Promise((resolve) => side.ws.once('open', resolve));
  const answer = handshakes.response(side.head, options.answer);
  side.peer.write(Buffer.concat([Buffer.from(answer, 'latin1'), Buffer.from(options.extra || '')]));
  await opened;
  return side;
}

module.exports = { dialTLS, httpServer, serverSide, openServer, dial, rawServer, clientSide, openClient };
