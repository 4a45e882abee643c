'use strict';

/**
 * The other end of bench/deflate.js, in a process of its own: opens connections and keeps one
 * message in flight on each. Answers are counted by their headers; those of the first connection are
 * inflated and compared as well, until the measurement begins.
 */

const net = require('node:net');
const zlib = require('node:zlib');
const { once } = require('node:events');

const { flush, frames, messages } = require('./deflate_stream');

const TAIL = Buffer.from([0, 0, 255, 255]);
const OFFERS = {
  takeover: 'permessage-deflate; client_max_window_bits',
  alone: 'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits'
};

const state = { connections: [], sent: 0, answered: 0, count: 0, done: null };

class Connection {
  constructor(socket, sent, deflate, checks) {
    this.socket = socket;
    this.plain = sent;
    this.frames = frames(sent, deflate);
    this.deflate = deflate;
    this.checks = checks;
    this.inflate = checks && deflate !== 'off' ? zlib.createInflateRaw() : null;
    this.next = 0;
    this.rest = null;
    /** Bytes to skip of a payload that is under way. */
    this.skip = 0;
    socket.on('data', (chunk) => this.take(chunk));
    socket.on('error', (error) => fail(error.message));
  }

  send() {
    this.socket.write(this.frames[this.next % this.frames.length]);
    this.next++;
    state.sent++;
  }

  take(chunk) {
    if (this.skip > 0 && !this.checks) {
      const skipped = Math.min(this.skip, chunk.length);
      this.skip -= skipped;
      chunk = chunk.subarray(skipped);
      if (this.skip === 0) this.answer();
      if (chunk.length === 0) return;
    }
    if (this.rest !== null) chunk = Buffer.concat([this.rest, chunk]);
    this.rest = null;
    while (chunk.length > 0) {
      const short = chunk.length > 1 ? chunk[1] & 127 : 0;
      const header = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (chunk.length < header) break;
      const length = header === 2 ? short : header === 4 ? chunk.readUInt16BE(2) : chunk.readUInt32BE(6);
      const end = header + length;
      if (chunk.length < end) {
        if (this.checks) break;
        this.skip = end - chunk.length;
        return;
      }
      if (this.checks) this.check(chunk[0], chunk.subarray(header, end));
      chunk = chunk.subarray(end);
      this.answer();
    }
    if (chunk.length > 0) this.rest = chunk;
  }

  check(first, payload) {
    const expected = this.plain[(this.next - 1) % this.plain.length];
    if (this.inflate !== null) {
      if (first !== 0xc1) return fail(`an answer is not compressed: ${first.toString(16)}`);
      if (this.deflate === 'alone') this.inflate.reset();
      payload = flush(this.inflate, Buffer.concat([payload, TAIL]));
    }
    if (!payload.equals(expected)) fail('an answer is not what was sent');
  }

  answer() {
    state.answered++;
    if (state.sent < state.count) this.send();
    else if (state.answered === state.count) state.done();
  }
}

function fail(message) {
  process.send({ error: message });
}

async function connect(port, sent, deflate, checks) {
  const socket = net.connect(port, '127.0.0.1').setNoDelay();
  const extensions = OFFERS[deflate] ? `Sec-WebSocket-Extensions: ${OFFERS[deflate]}\r\n` : '';
  socket.write('GET / HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${extensions}\r\n`);
  const [head] = await once(socket, 'data');
  const text = head.toString('latin1');
  if (!text.includes(' 101 ') || /permessage-deflate/.test(text) !== (deflate !== 'off')) fail(`unexpected answer: ${text}`);
  return new Connection(socket, sent, deflate, checks);
}

/** Keeps one message in flight on each connection until `count` have been answered. */
function exchange(count) {
  return new Promise((resolve) => {
    Object.assign(state, { sent: 0, answered: 0, count, done: resolve });
    state.connections.forEach((each) => each.send());
  });
}

process.on('message', async ({ open, count, checks }) => {
  if (open) {
    const { port, size, connections, deflate } = open;
    for (let i = 0; i < connections; i++) {
      state.connections.push(await connect(port, messages(i, size), deflate, i === 0));
    }
    process.send({ opened: connections });
  } else {
    if (checks === false) for (const each of state.connections) each.checks = false;
    await exchange(count);
    process.send({ answered: count });
  }
});
process.on('disconnect', () => process.exit());
process.send({ ready: true });
