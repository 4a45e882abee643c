'use strict';

const { native } = require('./session');

/**
 * A long binary message that has not arrived completely. Its bytes are joined in the memory that listeners get, which grows
 * with the bytes that have arrived, not with the length in the header.
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
   * Takes the next bytes of the message; returns how many.
   *
   * @param {Buffer} chunk
   * @param {number} from byte of the chunk with which they begin
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
   * Memory for the message when `arrived` bytes have arrived. It may be longer: pages of memory that are not written cost
   * nothing.
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
