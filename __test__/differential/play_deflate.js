'use strict';

// Plays a permessage-deflate case over TCP against the server or the client. What is compressed is compared after
// inflation: two zlibs need not find the same matches.

const http = require('node:http');
const net = require('node:net');
const zlib = require('node:zlib');
const { once } = require('node:events');
const deflate = require('permessage-deflate');
const { frame, parse, CLOSE } = require('../support/frames');
const handshakes = require('../support/handshakes');
const { observe } = require('./observe');
const { turns, until } = require('./settle');

const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
const WINDOW = 32768;
const flush = { finishFlush: zlib.constants.Z_SYNC_FLUSH };

/** One direction of a connection that may refer to earlier messages. */
class History {
  constructor(takeover, windowBits) {
    this.takeover = takeover;
    this.windowBits = Math.max(windowBits, 9);
    this.bytes = Buffer.alloc(0);
  }

  get options() {
    return { ...flush, windowBits: this.windowBits, ...(this.takeover && this.bytes.length > 0 && { dictionary: this.bytes }) };
  }

  deflate(data) {
    const out = zlib.deflateRawSync(data, this.options).subarray(0, -TAIL.length);
    this.push(data);
    return out;
  }

  inflate(data) {
    const out = zlib.inflateRawSync(Buffer.concat([data, TAIL]), this.options);
    this.push(out);
    return out;
  }

  push(data) {
    this.bytes = Buffer.concat([this.bytes, data]);
    this.bytes = this.bytes.subarray(Math.max(0, this.bytes.length - Math.min(WINDOW, 1 << this.windowBits)));
  }
}

/** The two directions under what was agreed: from the peer to the implementation, and back. */
function directions(agreed, role) {
  const bits = (name) => Number((new RegExp(`${name}_max_window_bits="?(\\d+)`).exec(agreed) || [])[1] || 15);
  const takeover = (name) => !agreed.includes(`${name}_no_context_takeover`);
  const [peer, own] = role === 'server' ? ['client', 'server'] : ['server', 'client'];
  return { incoming: new History(takeover(peer), bits(peer)), outgoing: new History(takeover(own), 15) };
}

/** Frames of one message; those of a client are masked. */
function encode({ opcode, payload, raw, compressed, fragments }, { kind, key }, history, negotiated) {
  const packed = raw || (compressed && negotiated ? history.deflate(payload) : payload);
  const rsv = compressed && (negotiated || raw) ? 4 : 0;
  const size = Math.max(1, Math.ceil(packed.length / fragments));
  const frames = [];
  for (let at = 0; at === 0 || at < packed.length; at += size) {
    const fin = at + size >= packed.length;
    frames.push(frame(at === 0 ? opcode : 0, packed.subarray(at, at + size), {
      fin, rsv: at === 0 ? rsv : 0, mask: kind === 'server' && key,
    }));
  }
  return Buffer.concat(frames);
}

function attach(ws, log) {
  const note = observe(ws, log);
  note(`new url=${ws.url.replace(/:\d+/, '')} version=${ws.version}`);
  return ws;
}

async function connect(WebSocket, test, options, log) {
  if (test.kind === 'server') {
    const listener = http.createServer().listen(0, '127.0.0.1');
    listener.on('upgrade', (request, socket, head) => {
      socket.on('error', () => {});
      attach(new WebSocket(request, socket, head, [], options), log);
    });
    await once(listener, 'listening');
    const peer = net.connect(listener.address().port, '127.0.0.1');
    await once(peer, 'connect');
    peer.write(handshakes.request({ 'Sec-WebSocket-Extensions': test.extensions }));
    return { listener, peer };
  }
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const arrived = once(listener, 'connection');
  attach(new WebSocket.Client(`ws://127.0.0.1:${listener.address().port}/`, [], options), log);
  const [peer] = await arrived;
  return { listener, peer };
}

/** @returns {Promise<string[]>} everything that could be seen, one line each */
async function playDeflate(WebSocket, test) {
  const log = [];
  const options = { ...test.options, extensions: [deflate.configure({ ...test.configuration })] };
  const { listener, peer } = await connect(WebSocket, test, options, log);
  let input = Buffer.alloc(0);
  let left = false;
  peer.setNoDelay(true);
  peer.on('error', () => {});
  peer.on('data', (bytes) => { input = Buffer.concat([input, bytes]); });
  peer.on('end', () => { left = true; });
  peer.on('close', () => { left = true; });

  const wrote = [];
  const endOfHead = () => input.indexOf('\r\n\r\n');
  await until(() => endOfHead() >= 0 || left);
  const head = input.subarray(0, endOfHead() + 4).toString('latin1');
  input = input.subarray(head.length);
  const shown = handshakes.field(head, 'Sec-WebSocket-Extensions');
  wrote.push(`head ${head.split('\r\n')[0]} extensions ${shown}`);
  if (test.kind === 'client') peer.write(handshakes.response(head, { 'Sec-WebSocket-Extensions': test.extensions }));
  await until(() => left || log.some((line) => /^(open|close)/.test(line)));

  const agreed = (test.kind === 'server' ? shown : test.extensions) || '';
  const negotiated = agreed.startsWith('permessage-deflate');
  const { incoming, outgoing } = directions(agreed, test.kind);
  // What a side promised in its configuration it keeps, announced or not.
  if (test.configuration.noContextTakeover && test.kind === 'client') outgoing.takeover = false;

  const read = () => {
    const found = parse(input);
    if (found === null) return null;
    input = input.subarray(found.size);
    const { fin, rsv, opcode, mask, payload } = found;
    const data = rsv & 4 && opcode < 8 ? outgoing.inflate(payload) : payload;
    wrote.push(`frame fin=${fin} rsv=${rsv} opcode=${opcode} ${mask ? 'masked' : 'plain'} ${data.length} ${data.toString('hex').slice(0, 200)}`);
    return found;
  };
  for (const step of test.steps) {
    if (left) break;
    const bytes = encode(step, test, incoming, negotiated);
    if (test.dripping && bytes.length < 200) {
      for (const byte of bytes) {
        peer.write(Buffer.from([byte]));
        await turns(1);
      }
    } else peer.write(bytes);
    let answer = null;
    const answered = await until(() => left || (answer = read()) !== null);
    if (!answered) log.push('stuck: no answer');
    if (answer && answer.opcode === CLOSE) {
      // A reason that began to leave is complete; the echo ends what the other side has begun.
      peer.write(frame(CLOSE, answer.payload, { mask: test.kind === 'server' && test.key }));
    }
    await turns(2);
  }
  peer.end();
  const closed = await until(() => left && log.some((line) => line.startsWith('close')));
  if (!closed) log.push('stuck: the connection never closed');
  while (read() !== null);
  peer.destroy();
  listener.close();
  if (listener.closeAllConnections) listener.closeAllConnections();
  return [...log, ...wrote, `rest ${input.length}`];
}

module.exports = { playDeflate };
