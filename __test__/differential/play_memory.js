'use strict';

// Plays a server case over an in-memory Duplex in place of the upgraded socket.

const { Duplex } = require('node:stream');
const { observe } = require('./observe');
const { turns } = require('./settle');

class MemorySocket extends Duplex {
  constructor() {
    super({ allowHalfOpen: true, emitClose: true });
    this.written = [];
    this.remoteAddress = '127.0.0.1';
  }
  setTimeout() { return this; }
  setNoDelay() { return this; }
  setKeepAlive() { return this; }
  _read() {}
  _write(chunk, encoding, done) {
    this.written.push(Buffer.from(chunk));
    done();
  }
  _final(done) { done(); }
}

/** @returns {Promise<string[]>} everything that could be seen, one line each */
async function playMemory(WebSocket, test) {
  const socket = new MemorySocket();
  socket.on('error', () => {});
  const headers = Object.fromEntries(Object.entries(test.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const request = { method: test.method, url: test.path, headers, connection: socket, socket, httpVersion: '1.1' };
  const [first = Buffer.alloc(0), ...rest] = test.chunks.map((chunk) => Buffer.from(chunk));
  const head = first.subarray(0, test.headBytes);
  const chunks = [first.subarray(test.headBytes), ...rest];

  const log = [];
  let ws;
  try {
    ws = new WebSocket(request, socket, head, test.protocols, test.options);
  } catch (error) {
    return [`threw ${error.message}`];
  }
  const note = observe(ws, log);
  note(`new url=${ws.url} version=${ws.version} protocol=${JSON.stringify(ws.protocol)}`);
  await turns(3);
  for (const chunk of chunks) {
    if (socket.destroyed) break;
    if (chunk.length) socket.push(chunk);
    await turns(2);
  }
  if (!socket.destroyed) socket.push(null);
  await turns(6);
  note(`final destroyed=${socket.destroyed}`);
  socket.destroy();
  if (ws._closeTimer) clearTimeout(ws._closeTimer);
  return [...log, `wrote ${Buffer.concat(socket.written).toString('latin1')}`];
}

module.exports = { playMemory };
