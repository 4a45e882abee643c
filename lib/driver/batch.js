'use strict';

const { spans, slab, Status, HEADER_INTS, EVENT_INTS } = require('./session');

/**
 * What one `receive` reported and what is still to be dispatched of it. Kept on the driver while
 * listeners run, so that nothing is lost when one throws or feeds the driver again.
 */
class Batch {
  /**
   * @param {Buffer} chunk the bytes that `receive` has parsed
   * @param {number} count events, 0 to `MAX_EVENTS`
   * @param {number} status one of `Status`
   * @param {number} consumed bytes of the chunk that were parsed
   */
  constructor(chunk, count, status, consumed) {
    /** What the events point into, and what is parsed on when they have been dispatched. */
    this.chunk = this.source = chunk;
    this._bytes = this._sourceBytes = chunk.length;
    // An array, as copying into typed memory of its own costs more than a small batch is worth.
    const length = EVENT_INTS * count;
    const events = new Array(length);
    for (let i = 0; i < length; i++) events[i] = spans[HEADER_INTS + i];
    this.events = events;
    this.next = 0;
    this.status = status;
    this.consumed = consumed;
    this.missing = spans[3];
  }

  /**
   * Has `source` parsed on when the events have been dispatched.
   *
   * @param {Buffer} source
   */
  resumeIn(source) {
    this.source = source;
    this._sourceBytes = source.length;
  }

  /**
   * Whether what is still needed was transferred by somebody, or made smaller.
   *
   * @returns {boolean}
   */
  get isTorn() {
    if (this.next < this.events.length) return this.chunk.length !== this._bytes;
    return this.source.length !== this._sourceBytes && this.status !== Status.NEED_MORE;
  }

  /**
   * The memory of `chunk` may be overwritten or transferred: what points into it is copied.
   *
   * @param {Buffer} chunk
   */
  leave(chunk) {
    const isLeft = (/** @type {Buffer} */ bytes) => bytes === chunk || bytes.buffer === slab.buffer;
    const leaves = isLeft(this.chunk);
    if (!leaves && !isLeft(this.source)) return;
    const copy = Buffer.from(chunk);
    if (isLeft(this.source)) this.resumeIn(copy);
    if (leaves) {
      this.chunk = copy;
      this._bytes = copy.length;
    }
  }
}

module.exports = Batch;
