'use strict';

/**
 * A long message of which only some has arrived: it is joined in the memory that its listeners get.
 * That grows with what arrives, never with what a header claims.
 */
class Landing {
  /** The bytes of `chunk` from `from` on are the first of the message, and `missing` the others. */
  constructor(chunk, from, missing) {
    this.held = chunk.length - from;
    this.missing = missing;
    this.memory = this._allocate(this.held);
    chunk.copy(this.memory, 0, from);
  }

  /** Takes what comes next of the message; returns how many bytes that are. */
  push(chunk, from) {
    const length = Math.min(chunk.length - from, this.missing);
    const end = this.held + length;
    if (end > this.memory.length) this._grow(end);
    chunk.copy(this.memory, this.held, from, from + length);
    this.held = end;
    this.missing -= length;
    return length;
  }

  /** Memory for up to 16 times the `arrived` bytes: of what is reserved only what is used costs anything. */
  _allocate(arrived) {
    return Buffer.allocUnsafeSlow(Math.min(this.held + this.missing, arrived * 16));
  }

  _grow(arrived) {
    const before = this.memory;
    this.memory = this._allocate(arrived);
    before.copy(this.memory, 0, 0, this.held);
  }
}

module.exports = Landing;
