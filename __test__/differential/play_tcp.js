'use strict';

// Plays a server case over real TCP: an http server that hands its upgrades to the implementation, and a bare
// socket as the client. The next chunk leaves when the server's socket says that it has read the one before.

const http = require('node:http');
const net = require('node:net');
const { once } = require('node:events');
const { observe } = require('./observe');
const { turns, until } = require('./settle');

const CHUNK = 32 * 1024; // read in one go on both sides

function requestHead(test) {
  // A request without `Connection: upgrade` never becomes an 'upgrade' event; the in-memory run has those.
  const headers = { ...test.headers, ...(test.headers.Connection === 'close' && { Connection: 'Upgrade' }) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${test.method} ${test.path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
}

/** @returns {Promise<string[]>} everything that could be seen, one line each */
async function playTcp(WebSocket, test) {
  const log = [];
  let socket;
  let note;
  const server = http.createServer().listen(0, '127.0.0.1');
  server.on('upgrade', (request, upgraded, head) => {
    socket = upgraded;
    socket.on('error', () => {});
    try {
      const ws = new WebSocket(request, socket, head, test.protocols, test.options);
      note = observe(ws, log);
      note(`new url=${ws.url} version=${ws.version} protocol=${JSON.stringify(ws.protocol)}`);
    } catch (error) {
      log.push(`threw ${error.message}`);
      socket.destroy();
    }
  });
  await once(server, 'listening');

  const received = [];
  const peer = net.connect(server.address().port, '127.0.0.1');
  peer.setNoDelay(true);
  peer.on('error', () => {});
  peer.on('data', (bytes) => received.push(bytes));
  let left = false;
  peer.once('close', () => { left = true; });
  await once(peer, 'connect');

  const stream = Buffer.concat(test.chunks);
  const cuts = test.chunks.flatMap((chunk) => {
    const parts = [];
    for (let at = 0; at < chunk.length; at += CHUNK) parts.push(chunk.subarray(at, at + CHUNK));
    return parts;
  });
  const head = (cuts[0] || stream).subarray(0, test.headBytes);
  peer.write(Buffer.concat([requestHead(test), head]));
  await until(() => socket || left);
  await turns(3);
  let sent = socket ? socket.bytesRead : 0; // what the request took
  for (const [index, cut] of cuts.entries()) {
    const bytes = index === 0 ? cut.subarray(head.length) : cut;
    if (left || socket.destroyed) break;
    if (!bytes.length) continue;
    peer.write(bytes);
    sent += bytes.length;
    const read = await until(() => left || socket.destroyed || socket.bytesRead >= sent);
    if (!read) log.push(`stuck: read ${socket.bytesRead} of ${sent} bytes`);
    await turns(2);
  }
  if (!left && test.ending === 'reset') {
    // All that was written must have arrived before the reset may throw it away.
    await until(() => left || socket.destroyed || peer.bytesRead >= socket.bytesWritten);
    if (!left && !socket.destroyed) peer.resetAndDestroy();
  }
  peer.end();
  const closed = await until(() => left && (!socket || socket.closed));
  if (!closed) log.push('stuck: the connection never closed');
  await turns(2);
  if (note) note('final');
  peer.destroy();
  if (socket) socket.destroy();
  server.close();
  server.closeAllConnections();
  return [...log, `wrote ${Buffer.concat(received).toString('latin1')}`];
}

module.exports = { playTcp };
