'use strict';

// Where a row is played: one path into one process, and one way to cut what is sent.

const net = require('node:net');
const tls = require('node:tls');
const fs = require('node:fs');
const path = require('node:path');
const { once } = require('node:events');

const { RawPeer } = require('../support/raw_peer');
const { TEXT, PING, PONG, CLOSE, frame, masked, parse } = require('../support/frames');
const handshakes = require('../support/handshakes');

const tlsFile = (name) => fs.readFileSync(path.join(__dirname, '../fixtures/tls', name));

/** Milliseconds after which an answer will never come. */
const PATIENCE = 20000;
/** Milliseconds that a connection may take to fail before it is asked whether it lives. */
const GRACE = 400;

const WAYS = {
  whole: (peer, bytes) => peer.write(bytes),
  bytes: (peer, bytes) => peer.drip(bytes),
};

/** Milliseconds and a value for when they are over. */
function timeout(milliseconds, value) {
  let timer;
  const promise = new Promise((resolve) => { timer = setTimeout(resolve, milliseconds, value); });
  return { promise, stop: () => clearTimeout(timer) };
}

async function within(promise, milliseconds, value) {
  const { promise: over, stop } = timeout(milliseconds, value);
  try {
    return await Promise.race([promise, over]);
  } finally {
    stop();
  }
}

/** One connection to the attacked process. */
class Side {
  constructor(stage, key, peer) {
    this.stage = stage;
    this.subject = stage.subject;
    this.key = key;
    this.peer = peer;
    /** Writes frames as this side's peer has to. */
    this.out = stage.role === 'server' ? masked : frame;
    this.frames = [];
  }

  send(bytes) {
    return this.stage.write(this.peer, bytes);
  }

  get events() {
    return this.subject.events(this.key);
  }

  get messages() {
    return this.events.filter(([type]) => type === 'message').map(([, message]) => message);
  }

  find(type, milliseconds = PATIENCE) {
    return this.subject.find(this.key, ([name]) => name === type, milliseconds);
  }

  message(index, milliseconds = PATIENCE) {
    return this.subject.find(this.key, () => this.messages.length > index, milliseconds);
  }

  call(method, values = [], after = undefined) {
    return this.subject.ask('call', { key: this.key, method, values, after });
  }

  /** Takes the frames that have come out of the input. */
  take() {
    for (let found; (found = parse(this.peer.input)) !== null;) {
      this.peer._consume(found.size);
      this.frames.push(found);
    }
    return this.frames;
  }

  /** The code of the close frame that came, or null. */
  get wireCode() {
    const close = this.take().find(({ opcode }) => opcode === CLOSE);
    if (!close) return null;
    return close.payload.length < 2 ? 1005 : close.payload.readUInt16BE(0);
  }

  /** Whether a ping is answered; resolves to 'open', or to null when the connection closes or is silent. */
  async probe(milliseconds = PATIENCE) {
    const name = `probe ${Math.random()}`;
    this.peer.write(this.out(PING, name));
    const isAnswer = ({ opcode, payload }) => opcode === PONG && payload.toString() === name;
    const start = Date.now();
    while (!this.peer.ended && Date.now() - start < milliseconds) {
      if (this.take().some(isAnswer)) return 'open';
      await within(this.peer.change(), 50);
    }
    return this.take().some(isAnswer) ? 'open' : null;
  }

  /**
   * What has become of the connection: a close code, `open`, or `silent` when it neither closes nor answers.
   * The code is the one on the wire; what the listener hears is added where it differs.
   *
   * @param {boolean} [isOpen] it is expected to be: then it is asked at once
   */
  async verdict(isOpen = false) {
    // Some wait for our end before they say that the connection is closed.
    if (this.peer.ended) this.peer.end();
    else this.peer.socket.once('end', () => this.peer.end());
    let close = isOpen ? null : await this.find('close', GRACE);
    if (close === null && this.subject.death === null && !this.peer.ended) {
      const answer = await this.probe();
      if (answer === 'open') return 'open';
    }
    if (close === null) close = await this.find('close', this.peer.ended ? PATIENCE : 100);
    if (this.subject.death !== null) return `DIED: ${this.subject.cause}`;
    if (close === null) return this.peer.ended ? 'ended without a close event' : 'silent';
    await within(this.peer.rest().then((rest) => { this.peer.input = rest; }), PATIENCE);
    const [, code] = close;
    const wire = this.wireCode;
    if (wire === null) return code === null ? 'closed' : `${code}`;
    return wire === code ? `${wire}` : `${wire}, listener ${code}`;
  }

  /** Text of the error event and of the reason. */
  get complaint() {
    const error = this.events.find(([type]) => type === 'error');
    const close = this.events.find(([type]) => type === 'close');
    return { error: error && error[1], reason: close && close[2] };
  }

  leave() {
    this.peer.destroy();
    this.subject.forget(this.key);
  }
}

class Stage {
  /**
   * @param {Subject} subject
   * @param {string} way one of `WAYS`
   * @param {boolean} bounded whether rows may be played in a smaller form
   */
  constructor(subject, way, bounded) {
    this.subject = subject;
    this.role = subject.path.role;
    this.way = way;
    this.bounded = bounded;
    this.isOurs = subject.packageName === 'ours';
    this._sides = new Set();
    this._arrived = [];
    this._awaited = [];
  }

  /** From here on the process is measured; what its memory is now is where the growth of a row begins. */
  async measure() {
    this.before = await this.subject.ask('begin');
  }

  write(peer, bytes) {
    return WAYS[this.way](peer, Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes, 'latin1'));
  }

  /** A server of the attacker's, for clients to dial. */
  async listen() {
    const { secure } = this.subject.path;
    this._server = secure
      ? tls.createServer({ cert: tlsFile('server.crt'), key: tlsFile('server.key'), allowHalfOpen: true })
      : net.createServer({ allowHalfOpen: true });
    this._server.on('tlsClientError', () => {});
    this._server.on(secure ? 'secureConnection' : 'connection', (socket) => {
      const peer = new RawPeer(socket);
      const resolve = this._awaited.shift();
      if (resolve) resolve(peer);
      else this._arrived.push(peer);
    });
    this._server.listen(0, '127.0.0.1');
    await once(this._server, 'listening');
  }

  get url() {
    const scheme = this.subject.path.secure ? 'wss' : 'ws';
    return `${scheme}://localhost:${this._server.address().port}/`;
  }

  accept() {
    return this._arrived.length ? Promise.resolve(this._arrived.shift()) : new Promise((resolve) => this._awaited.push(resolve));
  }

  keep(side) {
    this._sides.add(side);
    return side;
  }

  /** A connection to the attacked server; nothing is sent yet. */
  async connect() {
    const { port, path: { secure } } = this.subject;
    const socket = secure
      ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true })
      : net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, secure ? 'secureConnect' : 'connect');
    return this.keep(new Side(this, socket.localPort, new RawPeer(socket)));
  }

  /** A client that was told to dial us, with its request read. `side.threw` when it would not. */
  async dialled({ settings = {}, protocols, url } = {}) {
    if (!this._server) await this.listen();
    const key = this.subject.nextKey();
    const threw = await this.subject.ask('dial', { key, url: url || this.url, protocols, settings });
    if (threw) return { threw };
    const side = this.keep(new Side(this, key, await this.accept()));
    side.request = await side.peer.head();
    return side;
  }

  /** An open connection. `extra` comes in one piece with the handshake. */
  async open({ settings = {}, protocols, headers, request, extra } = {}) {
    if (this.role === 'server') {
      await this.subject.ask('set', { ...settings, protocols });
      const side = await this.connect();
      const head = Buffer.from(request || handshakes.request(headers), 'latin1');
      if (extra) await this.write(side.peer, Buffer.concat([head, extra(side)]));
      else side.peer.write(head);
      side.response = await side.peer.head();
      await side.find('made');
      return side;
    }
    const side = await this.dialled({ settings, protocols });
    const head = Buffer.from(handshakes.response(side.request, headers), 'latin1');
    if (extra) await this.write(side.peer, Buffer.concat([head, extra(side)]));
    else side.peer.write(head);
    await side.find('open');
    return side;
  }

  /** Headers and settings of an open connection with compression. */
  deflated(settings = {}) {
    return { settings: { deflate: true, ...settings }, headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } };
  }

  /** Status code of the answer to a request, or what else came of it. */
  async status(head, settings = {}) {
    await this.subject.ask('set', settings);
    const side = await this.connect();
    await this.write(side.peer, head);
    const answer = await within(side.peer.head().catch(() => 'gone'), PATIENCE, 'silent');
    const status = (/^HTTP\/1\.\d (\d{3})/.exec(answer) || [])[1];
    side.answer = answer;
    side.outcome = this.subject.death === null ? status || answer : `DIED: ${this.subject.cause}`;
    return side;
  }

  /** What comes of a response to a client. */
  async answer(respond, options) {
    const side = await this.dialled(options);
    await this.write(side.peer, respond(side.request));
    side.outcome = await Promise.race([side.find('open').then(() => null), side.find('close').then(() => null)])
      .then(() => side.settled());
    return side;
  }

  /** Fails unless a fresh connection still echoes. */
  async alive() {
    if (this.subject.death !== null) return `DIED: ${this.subject.cause}`;
    const side = await this.open();
    const text = `echo ${Math.random()}`;
    side.peer.write(side.out(TEXT, text));
    const found = await within(side.peer.frame().catch(() => null), PATIENCE, null);
    side.leave();
    return found && found.payload.toString() === text ? 'alive' : `DEAF${this.subject.death ? `: ${this.subject.cause}` : ''}`;
  }

  /** Ends every connection of the row. */
  clear() {
    for (const side of this._sides) side.leave();
    this._sides.clear();
    for (const peer of this._arrived.splice(0)) peer.destroy();
  }

  close() {
    this.clear();
    if (this._server) this._server.close();
  }
}

/** How a client's handshake has ended. */
Side.prototype.settled = async function () {
  if (this.subject.death !== null) return `DIED: ${this.subject.cause}`;
  if (this.events.some(([type]) => type === 'open')) return 'open';
  const close = await this.find('close');
  return close === null ? 'silent' : `${close[1]}`;
};

module.exports = { Stage, Side, PATIENCE, WAYS, within };
