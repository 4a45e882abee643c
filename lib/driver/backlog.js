'use strict';

const { isOverwritten } = require('./session');

/** Cost from which on nothing more is read until the chunks were parsed. */
const MOST_COST = 65536;

/** What a chunk costs beside its bytes. */
const CHUNK_COST = 256;

/** Chunks that wait behind events of which a listener has thrown, or behind a message that is inflated on another thread. */
class Backlog {
  constructor() {
    /** @type {Buffer[]} */
    this._chunks = [];
    this._cost = 0;
  }

  get isEmpty() {
    return this._chunks.length === 0;
  }

  /**
   * Whether so much waits that nothing more may be read.
   *
   * @returns {boolean}
   */
  get isLong() {
    return this._cost > MOST_COST;
  }

  /** @param {Buffer} chunk */
  push(chunk) {
    this._chunks.push(chunk);
    this._cost += chunk.length + CHUNK_COST;
  }

  /**
   * Takes the chunk that has waited longest; there has to be one.
   *
   * @returns {Buffer}
   */
  shift() {
    const chunk = /** @type {Buffer} */ (this._chunks.shift());
    this._cost -= chunk.length + CHUNK_COST;
    return chunk;
  }

  /**
   * The memory of `chunk` may be overwritten or transferred: copies it, if it waits here.
   *
   * @param {Buffer} chunk
   */
  leave(chunk) {
    const chunks = this._chunks;
    for (let i = 0; i < chunks.length; i++) {
      if (isOverwritten(chunks[i], chunk)) chunks[i] = Buffer.from(chunk);
    }
  }
}

module.exports = Backlog;
