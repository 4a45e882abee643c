'use strict';

// Servers, proxies and what stands between them, for tests of clients. Everything is closed with its test.

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const path = require('node:path');
const tls = require('node:tls');
const { once } = require('node:events');
const { WebSocketServer } = require('ws');

const fixture = (name) => fs.readFileSync(path.join(__dirname, '..', 'fixtures', 'tls', name));
const pair = (name) => ({ cert: fixture(`${name}.crt`), key: fixture(`${name}.key`) });
const ca = fixture('ca.crt');

/** A host as a URL holds it. */
const inUrl = (host) => (net.isIPv6(host) ? `[${host}]` : host);

const basic = (user, password) => 'Basic ' + Buffer.from(`${user}:${password}`).toString('base64');

/** Has `server` listen, and everything on it closed after the test; `server.sockets` are the open ones. */
async function listening(t, server, host = '127.0.0.1') {
  server.sockets = new Set();
  server.on('connection', (socket) => {
    server.sockets.add(socket);
    socket.on('error', () => {}).on('close', () => server.sockets.delete(socket));
  });
  for (const type of ['tlsClientError', 'clientError']) server.on(type, (error, socket) => socket.destroy());
  server.listen(...(path.isAbsolute(host) ? [host] : [0, host]));
  await once(server, 'listening');
  t.after(() => {
    for (const socket of server.sockets) socket.destroy();
    server.close();
  });
  return server;
}

/** Whether this machine has the address. */
async function has(host) {
  const server = net.createServer();
  try {
    server.listen(0, host);
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/**
 * An echo server that is not ours. `requests` are those that were upgraded.
 *
 * @param {{ secure?: boolean|object, host?: string, credentials?: [string, string] }} options
 */
async function echoServer(t, { secure = false, host, credentials } = {}) {
  const server = secure ? https.createServer(secure === true ? pair('server') : secure) : http.createServer();
  await listening(t, server, host);
  const requests = [];
  const websockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    if (credentials && request.headers.authorization !== basic(...credentials)) {
      socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
      return;
    }
    requests.push(request);
    websockets.handleUpgrade(request, socket, head, (ws) => {
      ws.on('message', (message, isBinary) => ws.send(message, { binary: isBinary }));
    });
  });
  return { server, requests, port: server.address().port };
}

/** A TCP or TLS server that does `onConnection(socket)` and nothing else. */
async function rawServer(t, onConnection = () => {}, { secure = false, host } = {}) {
  const options = secure ? pair('server') : {};
  const server = secure ? tls.createServer(options) : net.createServer(options);
  server.on(secure ? 'secureConnection' : 'connection', (socket) => {
    // Read, so that its end is noticed.
    socket.on('error', () => {}).resume();
    onConnection(socket);
  });
  await listening(t, server, host);
  return { server, port: server.address().port };
}

/** A proxy that is not ours. `requests` are the CONNECTs it has seen. */
async function httpProxy(t, { secure = false, host = '127.0.0.1', credentials } = {}) {
  const server = secure ? https.createServer(secure === true ? pair('server') : secure) : http.createServer();
  const requests = [];
  server.on('connect', (request, socket, head) => {
    requests.push(request);
    if (credentials && request.headers['proxy-authorization'] !== basic(...credentials)) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const { hostname, port } = new URL(`http://${request.url}`);
    const upstream = net.connect({ host: hostname.replace(/[[\]]/g, ''), port, allowHalfOpen: true }, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.write(head);
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => {}).on('close', () => upstream.destroy());
  });
  await listening(t, server, host);
  const { port } = server.address();
  const origin = (user) => `${secure ? 'https' : 'http'}://${user ? `${user.join(':')}@` : ''}${inUrl(host)}:${port}`;
  return { server, requests, port, origin };
}

/** Relays to `port`, and what comes back byte by byte. */
async function drip(t, port) {
  const { port: own } = await rawServer(t, (socket) => {
    socket.setNoDelay(true);
    const upstream = net.connect({ port, host: '127.0.0.1' });
    upstream.on('error', () => socket.destroy());
    socket.pipe(upstream);
    socket.on('close', () => upstream.destroy());
    upstream.on('data', (chunk) => {
      upstream.pause();
      let at = 0;
      (function step() {
        if (at === chunk.length) return upstream.resume();
        socket.write(chunk.subarray(at, ++at));
        setImmediate(step);
      })();
    });
  });
  return own;
}

module.exports = { fixture, pair, ca, inUrl, listening, has, echoServer, rawServer, httpProxy, drip };
