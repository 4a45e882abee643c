'use strict';

// faye-websocket's interface: the package under test and the original. The module is the
// first argument: a path or a package name.

const { channel } = require('node:diagnostics_channel');

const child = require('./child');

const WebSocket = require(process.argv[2]);

const sockets = new Set();
const options = { maxLength: child.MAX_LENGTH };
// Compression is off, unless bench/deflate.js asks for it: built in, or the original's plug-in.
if (process.env.BENCH_DEFLATE === 'built-in') options.deflate = { threshold: 0 };
// What bench/idle.js compares.
if (process.env.BENCH_OPTIONS) Object.assign(options, JSON.parse(process.env.BENCH_OPTIONS));
if (process.env.BENCH_DEFLATE === 'plug-in') options.extensions = [require('permessage-deflate')];

if (process.env.BENCH_WATCHED) {
  for (const name of ['open', 'close', 'error', 'ping', 'pong']) channel(`faye-websocket:${name}`).subscribe(() => {});
}

const echo = (ws) => {
  ws.onmessage = (event) => ws.send(event.data);
};

const broadcast = (ws) => {
  const { message, perTurn } = child.broadcast();
  sockets.add(ws);
  ws.onclose = () => sockets.delete(ws);
  ws.onmessage = () => {
    for (let i = 0; i < perTurn; i++) {
      if (WebSocket.broadcast) WebSocket.broadcast(sockets, message);
      else for (const socket of sockets) socket.send(message);
    }
  };
};

const attach = child.task === 'broadcast' ? broadcast : echo;
const server = child.createHttpServer();

server.on('upgrade', (request, socket, body) => {
  attach(new WebSocket(request, socket, body, [], options));
});

child.serve(server, { broadcast: typeof WebSocket.broadcast === 'function' });
