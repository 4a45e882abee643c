'use strict';

// A client of HTTP/2 that is told in frames (RFC 9113 section 4.1), over plain TCP: what Node's client does not
// do, or does not show.

const net = require('node:net');
const { once } = require('node:events');

const TYPE = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8 };
const NAME = Object.fromEntries(Object.entries(TYPE).map(([name, type]) => [type, name]));
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

const CONNECT = {
  ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/', ':authority': '127.0.0.1',
  'sec-websocket-version': '13',
};

/** A field as a literal that is not indexed (RFC 7541 section 6.2.2), of less than 127 bytes each. */
const literal = (text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
const block = (fields) => Buffer.concat(Object.entries(fields).map(([name, value]) =>
  Buffer.concat([Buffer.from([0]), literal(name), literal(value)])));

function uint32(number) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

class Http2Peer {
  constructor(socket) {
    this.socket = socket;
    /** Frames in the order in which they came: { type, stream, ended, code, payload }. */
    this.frames = [];
    this._input = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this._input = Buffer.concat([this._input, chunk]);
      while (this._parse());
    });
  }

  /** Dials a server and exchanges settings; `window` is what a stream may send before it is told more. */
  static async connect(port, { window = 65535 } = {}) {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const peer = new Http2Peer(socket);
    socket.write(PREFACE);
    // SETTINGS_INITIAL_WINDOW_SIZE.
    peer.write(TYPE.SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(window)]));
    return peer;
  }

  write(type, flags, stream, payload = Buffer.alloc(0)) {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    this.socket.write(Buffer.concat([head, payload]));
  }

  /** Asks for a WebSocket on a stream: an odd number, larger than those before. */
  request(stream, fields = {}) {
    this.write(TYPE.HEADERS, END_HEADERS, stream, block({ ...CONNECT, ...fields }));
  }

  data(stream, bytes, isLast = false) {
    this.write(TYPE.DATA, isLast ? END_STREAM : 0, stream, bytes);
  }

  reset(stream, code) {
    this.write(TYPE.RST_STREAM, 0, stream, uint32(code));
  }

  goAway(code) {
    this.write(TYPE.GOAWAY, 0, 0, Buffer.concat([uint32(0), uint32(code)]));
  }

  /** What a stream has been told so far, frames of its data joined: 'HEADERS', 'DATA', 'END_STREAM', 'RST_STREAM 8'. */
  told(stream) {
    const told = [];
    for (const frame of this.frames) {
      if (frame.stream !== stream || frame.type === 'WINDOW_UPDATE') continue;
      if (frame.type === 'RST_STREAM') told.push(`RST_STREAM ${frame.code}`);
      else if (frame.type !== 'DATA' || (frame.payload.length > 0 && told.at(-1) !== 'DATA')) told.push(frame.type);
      if (frame.ended) told.push('END_STREAM');
    }
    return told;
  }

  /** Bytes of a stream's data so far. */
  bytes(stream) {
    return Buffer.concat(this.frames.filter((frame) => frame.stream === stream && frame.type === 'DATA').map(({ payload }) => payload));
  }

  _parse() {
    if (this._input.length < 9) return false;
    const length = this._input.readUIntBE(0, 3);
    if (this._input.length < 9 + length) return false;
    const payload = this._input.subarray(9, 9 + length);
    const [type, flags, stream] = [NAME[this._input[3]], this._input[4], this._input.readUInt32BE(5)];
    this._input = this._input.subarray(9 + length);
    if (type === 'SETTINGS' && !(flags & ACK)) this.write(TYPE.SETTINGS, ACK, 0);
    if (type === 'PING' && !(flags & ACK)) this.write(TYPE.PING, ACK, 0, payload);
    const code = type === 'RST_STREAM' ? payload.readUInt32BE(0) : type === 'GOAWAY' ? payload.readUInt32BE(4) : undefined;
    const ended = (type === 'DATA' || type === 'HEADERS') && (flags & END_STREAM) !== 0;
    this.frames.push({ type, stream, ended, code, payload });
    return true;
  }
}

module.exports = { Http2Peer };
