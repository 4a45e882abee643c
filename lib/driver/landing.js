'use strict';

const { native } = require('./session');

/**
 * A long message of which only some has arrived: it is joined in the memory that its listeners get.
 * That grows with what arrives, never with what a header claims.
 */
class Landing {
  /**
   * The bytes of `chunk` from `from` on are the first of the message, and `missing` the others.
   *
   * @param {Buffer} chunk
   * @param {number} from
   * @param {number} missing bytes
   */
  constructor(chunk, from, missing) {
    this.held = chunk.length - from;
    this.missing = missing;
    this.memory = this._allocate(this.held);
    chunk.copy(this.memory, 0, from);
  }

  /**
   * Takes what comes next of the message; returns how many bytes that are.
   *
   * @param {Buffer} chunk
   * @param {number} from bytes of the chunk to leave out
   * @returns {number}
   */
  push(chunk, from) {
    const length = Math.min(chunk.length - from, this.missing);
    const end = this.held + length;
    if (end > this.memory.length) this._grow(end);
    chunk.copy(this.memory, this.held, from, from + length);
    this.held = end;
    this.missing -= length;
    return length;
  }

  /**
   * Memory for the message once `arrived` bytes of it are there: of what is reserved only what is used costs anything.
   *
   * @param {number} arrived bytes
   * @returns {Buffer}
   */
  _allocate(arrived) {
    return Buffer.allocUnsafeSlow(native.messageCapacity(arrived, this.held + this.missing - arrived));
  }

  /** @param {number} arrived bytes */
  _grow(arrived) {
    const before = this.memory;
    this.memory = this._allocate(arrived);
    before.copy(this.memory, 0, 0, this.held);
  }
}

module.exports = Landing;
