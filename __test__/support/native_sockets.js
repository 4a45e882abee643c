'use strict';

// DialledSocket by itself: servers for it to dial, and what its specs do with it.

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { randomBytes, createHash } = require('node:crypto');
const { once } = require('node:events');
const net = require('node:net');
const tls = require('node:tls');

const DialledSocket = require('../../lib/socket/dialled.js');
const { pair } = require('./network');

/** What a process or a worker of its own requires. */
const MODULE = JSON.stringify(require.resolve('../../lib/socket/dialled.js'));
const MIB = 1024 * 1024;

/** For tests that look into /proc. */
const onLinux = { skip: process.platform !== 'linux' && 'reads /proc' };

/** A server for one test; closed with everything on it when the test is over. */
async function serve(t, onConnection, where = { port: 0, host: '127.0.0.1' }, options = {}) {
  const sockets = new Set();
  const server = net.createServer(options, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  server.listen(where);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.sockets = sockets;
  return server;
}

function dial(t, options) {
  const socket = new DialledSocket(options);
  t.after(() => socket.destroy());
  return socket;
}

/** The server's end of the only connection; our 'connect' may come before its 'connection'. */
async function accepted(server) {
  if (server.sockets.size === 0) await once(server, 'connection');
  return [...server.sockets][0];
}

/** Unlike `once`, does not mind an 'error' before. */
const closing = (socket) => new Promise((resolve) => socket.once('close', resolve));

const echo = (socket) => socket.pipe(socket);

/** A server that echoes, and a client connected to it. */
async function echoing(t) {
  const server = await serve(t, echo);
  const socket = dial(t, { host: '127.0.0.1', port: server.address().port });
  await once(socket, 'connect');
  return { server, socket };
}

/** Runs `body`, which sees DialledSocket and net, in a Node process of its own. */
async function inProcess(body) {
  const source = `
    const net = require('net');
    const DialledSocket = require(${MODULE});
    (async () => { ${body} })();`;
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (output += text));
  const begun = Date.now();
  const [code, signal] = await once(child, 'close');
  return { code, signal, output: output.trim(), lasted: Date.now() - begun };
}

/** As `serve`, for any server; resolves with where it can be dialled. */
async function listen(t, server, host = '127.0.0.1') {
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: 'localhost', port: server.address().port };
}

const plainServer = (t, onConnection = echo) => listen(t, net.createServer({ allowHalfOpen: true }, onConnection));

const tlsServer = (t, options = pair('server'), onConnection = echo) =>
  listen(t, tls.createServer({ allowHalfOpen: true, ...options }, onConnection).on('tlsClientError', () => {}));

/** Sends `length` random bytes through an echo and compares what comes back. */
async function roundTrip(socket, length) {
  const block = randomBytes(length);
  const sent = createHash('sha1').update(block).digest('hex');
  const back = createHash('sha1');
  socket.end(block);
  for await (const chunk of socket) back.update(chunk);
  assert.strictEqual(back.digest('hex'), sent);
}

/** What a worker runs that keeps `count` sockets busy and says so after as many `chunks` of them together. */
const busyWorker = (count, chunks) => `
  const { workerData, parentPort } = require('worker_threads');
  const DialledSocket = require(${MODULE});
  let busy = 0;
  for (let i = 0; i < ${count}; i++) {
    const socket = new DialledSocket(workerData);
    socket.on('data', (chunk) => {
      socket.write(chunk);
      if (++busy === ${chunks}) parentPort.postMessage('busy');
    });
    socket.write(Buffer.alloc(30000));
  }`;

module.exports = {
  MODULE, MIB, onLinux, serve, dial, accepted, closing, echo, echoing, inProcess, listen, plainServer, tlsServer, roundTrip,
  busyWorker,
};
