'use strict';

// The other end of a connection, told in bytes: a TCP or TLS socket whose
// input is read by awaiting it.

const net = require('node:net');
const { once } = require('node:events');

const frames = require('./frames');

class RawPeer {
  /** @param {net.Socket} socket a connected socket */
  constructor(socket) {
    this.socket = socket;
    this.input = Buffer.alloc(0);
    this.ended = false; // FIN received
    this.closed = false;
    this.error = null;
    this._waiting = [];
    if (socket.setNoDelay) socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.input = this.input.length ? Buffer.concat([this.input, chunk]) : chunk;
      this._wake();
    });
    socket.on('end', () => {
      this.ended = true;
      this._wake();
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('close', () => {
      this.ended = this.closed = true;
      this._wake();
    });
  }

  /** Dials a server on this machine. */
  static async connect(port, host = '127.0.0.1') {
    const socket = net.connect({ port, host, allowHalfOpen: true });
    await once(socket, 'connect');
    return new RawPeer(socket);
  }

  _wake() {
    const waiting = this._waiting;
    this._waiting = [];
    for (const wake of waiting) wake();
  }

  /** Resolves with `take(input)` as soon as that is not null. */
  async _take(take, what) {
    for (;;) {
      const found = take(this.input);
      if (found !== null) return found;
      if (this.ended) {
        throw new Error(`the connection ended while waiting for ${what}; unread: ${this.input.toString('latin1').slice(0, 200)}`);
      }
      await new Promise((resolve) => this._waiting.push(resolve));
    }
  }

  /** Resolves when more has come, or the other end has gone. */
  change() {
    return this.ended ? Promise.resolve() : new Promise((resolve) => this._waiting.push(resolve));
  }

  _consume(length) {
    const taken = this.input.subarray(0, length);
    this.input = this.input.subarray(length);
    return taken;
  }

  /** The next `length` bytes. */
  read(length) {
    return this._take((input) => (input.length < length ? null : this._consume(length)), `${length} bytes`);
  }

  /** An HTTP head, up to and with its blank line, as a latin1 string. */
  head() {
    return this._take((input) => {
      const at = input.indexOf('\r\n\r\n');
      return at < 0 ? null : this._consume(at + 4).toString('latin1');
    }, 'an HTTP head');
  }

  /** Everything up to and with some text, as a latin1 string. */
  readUntil(text) {
    return this._take((input) => {
      const at = input.indexOf(text);
      return at < 0 ? null : this._consume(at + text.length).toString('latin1');
    }, text);
  }

  /** The next frame, unmasked. */
  frame() {
    return this._take((input) => {
      const found = frames.parse(input);
      if (found) this._consume(found.size);
      return found;
    }, 'a frame');
  }

  /** Everything that still comes until the other end hangs up. */
  async rest() {
    while (!this.ended) await new Promise((resolve) => this._waiting.push(resolve));
    return this._consume(this.input.length);
  }

  write(bytes) {
    if (!this.socket.destroyed) this.socket.write(bytes);
    return this;
  }

  /**
   * Sends each byte as a write of its own, in a turn of the loop of its own.
   * Beyond the first 512 bytes, where all structure lies, steps are larger.
   */
  async drip(bytes) {
    const data = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes, 'latin1');
    for (let at = 0; at < data.length && !this.closed; ) {
      const step = at < 512 ? 1 : 997;
      this.write(data.subarray(at, at + step));
      at += step;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this;
  }

  end() {
    this.socket.end();
    return this;
  }

  destroy() {
    this.socket.destroy();
    return this;
  }

  /** Hangs up with RST. */
  reset() {
    this.socket.resetAndDestroy();
    return this;
  }
}

module.exports = { RawPeer };
