'use strict';

// Plays a client case: a scripted TCP server answers the client of an implementation.

const crypto = require('node:crypto');
const net = require('node:net');
const { once } = require('node:events');
const { ECHO_UP_TO } = require('./client_case');
const { readFrames } = require('./frames');
const { observe } = require('./observe');
const { turns, until } = require('./settle');

function acceptFor(key) {
  return crypto.createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** One connection: hears the request, then sends the script's chunks and leaves as it says. */
class ScriptedPeer {
  constructor(socket, test) {
    this.socket = socket;
    this.test = test;
    this.received = Buffer.alloc(0);
    this.gone = false; // the client has left
    this.closed = false;
    this.started = false;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (bytes) => this.hear(bytes));
    socket.on('end', () => {
      this.gone = true;
      socket.end();
    });
    socket.on('close', () => { this.gone = this.closed = true; });
  }

  hear(bytes) {
    this.received = Buffer.concat([this.received, bytes]);
    if (this.started || !this.received.includes('\r\n\r\n')) return;
    this.started = true;
    this.play();
  }

  get request() {
    const end = this.received.indexOf('\r\n\r\n');
    return this.received.subarray(0, end === -1 ? this.received.length : end + 4).toString('latin1');
  }

  get frames() {
    const end = this.received.indexOf('\r\n\r\n');
    return readFrames(this.received.subarray(end === -1 ? this.received.length : end + 4));
  }

  async play() {
    const key = /^sec-websocket-key: *(\S*)/im.exec(this.request);
    this.accept = acceptFor(key ? key[1] : '');
    for (const chunk of filled(this.test.chunks, this.accept)) {
      await turns(2);
      if (this.gone) return;
      this.socket.write(chunk);
    }
    await turns(2);
    if (this.test.ending === 'reset') await this.reset();
    else if (!this.gone) this.socket.end();
  }

  // A reset may throw away what was sent before it: only an answered ping tells that the client has read it all.
  async reset() {
    if (this.test.kind === 'frames') {
      this.socket.write(Buffer.from([0x89, 5, ...Buffer.from('reset')]));
      const pong = () => this.frames.frames.some(({ opcode, shown }) => opcode === 10 && shown.endsWith(Buffer.from('reset').toString('hex')));
      await until(() => this.gone || pong());
    }
    if (!this.gone) this.socket.resetAndDestroy();
  }
}

// The answer is generated before the key is known, so its placeholder is found and filled across chunk borders.
function filled(chunks, accept) {
  const lengths = chunks.map(({ length }) => length);
  const holes = [['{accept}', accept], ['{ACCEPT}', accept.toUpperCase()]];
  let text = Buffer.concat(chunks).toString('latin1');
  for (const [hole, value] of holes) {
    for (let at = text.indexOf(hole); at !== -1; at = text.indexOf(hole, at)) {
      let start = 0;
      const index = lengths.findIndex((length) => (start += length) > at);
      // What the hole lacks in length is added to the chunk it begins in.
      lengths[index] += value.length - hole.length;
      text = text.slice(0, at) + value + text.slice(at + hole.length);
    }
  }
  const whole = Buffer.from(text, 'latin1');
  let at = 0;
  return lengths.map((length) => whole.subarray(at, at += length));
}

/** @returns {Promise<string[]>} everything that could be seen, one line each */
async function playClient(WebSocket, test) {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  let peer;
  server.on('connection', (socket) => { peer = new ScriptedPeer(socket, test); });
  if (test.kind === 'refused') {
    server.close();
    await once(server, 'close');
  }

  const log = [];
  let threw = false;
  const url = test.url ?? `ws://${test.credentials}127.0.0.1:${port}${test.path}`;
  try {
    const ws = new WebSocket.Client(url, test.protocols, test.options);
    const note = observe(ws, log, {
      echoUpTo: ECHO_UP_TO,
      details: () => ` ${ws.statusCode} ${JSON.stringify(ws.headers)}`,
    });
    let closed = false;
    ws.on('close', () => { closed = true; });
    note(`new url=${ws.url} version=${ws.version} protocol=${JSON.stringify(ws.protocol)} ${ws.statusCode} ${ws.headers}`);
    for (const [method, message, callback] of test.early) {
      note(`${method} -> ${ws[method](message, callback && (() => note('pong')))}`);
    }
    if (test.closing) {
      try {
        note(`close -> ${ws.close(...test.closing)}`);
      } catch (error) {
        note(`close threw ${error.message}`);
      }
    }
    if (!await until(() => closed)) log.push('stuck: no close event');
    await until(() => !peer || peer.closed);
    await turns(2);
    note('final');
    if (ws._closeTimer) clearTimeout(ws._closeTimer);
  } catch (error) {
    log.push(`threw ${error.message}`);
    threw = true;
    await turns(2);
  }
  // The original may have begun to connect when it throws, this package has not; a client that was closed at once
  // may or may not have reached the server. What counts is that nothing was said.
  const silent = threw || test.kind === 'close-at-once';
  if (peer && (!silent || peer.received.length > 0)) log.push(...describe(peer));
  if (peer) peer.socket.destroy();
  server.close();
  const same = (line) => (peer && peer.accept
    ? line.replaceAll(peer.accept, '{accept}').replaceAll(peer.accept.toUpperCase(), '{ACCEPT}')
    : line);
  return log.map((line) => same(line.replaceAll(`:${port}`, ':PORT')));
}

// Pongs are told apart from the rest: both may be late, each in its order.
function describe(peer) {
  const request = peer.request.replace(/^(Sec-WebSocket-Key: )[A-Za-z0-9+/]{22}==\r$/m, '$1KEY\r');
  const { frames, rest } = peer.frames;
  return [
    `request ${JSON.stringify(request)}`,
    ...frames.filter(({ opcode }) => opcode !== 10).map(({ shown }) => `frame ${shown}`),
    ...frames.filter(({ opcode }) => opcode === 10).map(({ shown }) => `pong ${shown}`),
    `rest ${rest.toString('hex')}`,
  ];
}

module.exports = { playClient };
