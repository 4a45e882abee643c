'use strict';

const { take, keep } = require('./long_message');
const allocate = require('./payload_pool');

/**
 * A long message of which only some has arrived: it is joined in the memory that its listeners get.
 * That grows with what arrives, never with what a header claims.
 */
class Landing {
  /** The bytes of `chunk` from `from` on are the first of the message, and `missing` the others. */
  constructor(chunk, from, missing, isText) {
    this.held = chunk.length - from;
    this.missing = missing;
    this.isText = isText;
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

  /** The message has been read: memory that nobody got is for the next one. */
  release() {
    if (this.isText) keep(this.memory);
  }

  /** Memory for up to 16 times the `arrived` bytes: of what is reserved only what is used costs anything. */
  _allocate(arrived) {
    const size = Math.min(this.held + this.missing, arrived * 16);
    return this.isText ? take(size) : allocate(size);
  }

  _grow(arrived) {
    const before = this.memory;
    this.memory = this._allocate(arrived);
    before.copy(this.memory, 0, 0, this.held);
    if (this.isText) keep(before);
  }
}

module.exports = Landing;
