'use strict';

// ws, set up as in its own benchmark: no compression, no tracking of clients, and a text
// message goes back as the bytes it came in, without ever becoming a string.

const { WebSocketServer } = require('ws');

const child = require('./child');

let bufferutil = true;
try {
  require('bufferutil');
} catch {
  bufferutil = false;
}

const server = child.createHttpServer();
const wss = new WebSocketServer({
  maxPayload: child.MAX_LENGTH,
  // Off, unless bench/deflate.js asks for it.
  perMessageDeflate: process.env.BENCH_DEFLATE ? { threshold: 0 } : false,
  clientTracking: false,
  server
});
const sockets = new Set();

const echo = (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
};

const broadcast = (ws) => {
  const { message, perTurn } = child.broadcast();
  sockets.add(ws);
  ws.on('close', () => sockets.delete(ws));
  ws.on('message', () => {
    for (let i = 0; i < perTurn; i++) for (const socket of sockets) socket.send(message);
  });
};

wss.on('connection', child.task === 'broadcast' ? broadcast : echo);

child.serve(server, { version: require('ws/package.json').version, bufferutil });
