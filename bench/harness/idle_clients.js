'use strict';

/**
 * The other ends of bench/idle.js, in a process of their own: connections that say nothing and answer
 * pings. Told `{ port, count }`, it says 'open' when all are; told 'count', how many pings it answered.
 */

const net = require('node:net');
const { once } = require('node:events');

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';
const AT_ONCE = 100;
const PING = 0x89;
const PONG = 0x8a;
const MASKED = 0x80;

let answered = 0;

/** Pongs for the pings in a chunk: masked with zeros, which changes nothing. Pings come whole. */
function answer(socket, chunk) {
  for (let at = 0; at + 1 < chunk.length; at += 2 + chunk[at + 1]) {
    if (chunk[at] !== PING) continue;
    const payload = chunk.subarray(at + 2, at + 2 + chunk[at + 1]);
    socket.write(Buffer.concat([Buffer.from([PONG, MASKED | payload.length, 0, 0, 0, 0]), payload]));
    answered++;
  }
}

async function open(port) {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the server closed a connection')));
  socket.write(REQUEST);
  const [head] = await once(socket, 'data');
  const end = head.indexOf('\r\n\r\n') + 4;
  answer(socket, head.subarray(end));
  socket.on('data', (chunk) => answer(socket, chunk));
}

function fail(error) {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
}

process.on('message', async (message) => {
  if (message === 'count') return process.send(answered);
  const { port, count } = message;
  for (let opened = 0; opened < count; opened += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - opened) }, () => open(port)));
  }
  process.send('open');
});
process.on('disconnect', () => process.exit());
