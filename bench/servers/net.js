'use strict';

// No WebSocket at all: what Node's own sockets cost. It returns the bytes it gets, and in a
// broadcast it pushes a frame that was built once.

const net = require('node:net');
const tls = require('node:tls');

const child = require('./child');

const sockets = new Set();

const echo = (socket) => {
  socket.on('data', (chunk) => socket.write(chunk));
};

const broadcast = (socket) => {
  const { message, perTurn, connections } = child.broadcast();
  const length = Buffer.byteLength(message);
  const header = length < 126 ? [0x81, length] : [0x81, 126, length >> 8, length & 255];
  const frame = Buffer.concat([Buffer.from(header), Buffer.from(message)]);
  const push = () => {
    // Without a handshake the first request can arrive before the last connection.
    if (sockets.size < connections) setImmediate(push);
    else for (let i = 0; i < perTurn; i++) for (const each of sockets) each.write(frame);
  };
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  socket.on('data', push);
};

const attach = child.task === 'broadcast' ? broadcast : echo;

const onConnection = (socket) => {
  socket.setNoDelay(true);
  // The load generator is killed now and then; that is not this server's failure.
  socket.on('error', () => {});
  attach(socket);
};

const options = child.tlsOptions();
const server = options ? tls.createServer(options, onConnection) : net.createServer(onConnection);

child.serve(server);
