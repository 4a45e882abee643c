'use strict';

const { spans, Status, HEADER_INTS, EVENT_INTS, isOverwritten } = require('./session');

/**
 * The events of one report, and which of them are still to be dispatched. `Input` keeps it while listeners run, so that no
 * event is lost when one throws or feeds the driver again.
 */
class Batch {
  /**
   * @param {Buffer} chunk the bytes that `receive` has parsed
   * @param {number} count events, 0 to `MAX_EVENTS`
   * @param {number} status one of `Status`
   * @param {number} consumed bytes of the chunk that were parsed
   */
  constructor(chunk, count, status, consumed) {
    /** `chunk`: memory that the events point into; `source`: the chunk of which the rest is parsed after them. */
    this.chunk = this.source = chunk;
    this._bytes = this._sourceBytes = chunk.length;
    // Copied, as `spans` is used again; into an array, since making a typed array costs more than a small batch.
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
   * Sets the chunk of which the rest is parsed when the events were dispatched.
   *
   * @param {Buffer} source
   */
  resumeIn(source) {
    this.source = source;
    this._sourceBytes = source.length;
  }

  /**
   * Whether memory that is still needed was transferred or made smaller by other code.
   *
   * @returns {boolean}
   */
  get isTorn() {
    if (this.next < this.events.length) return this.chunk.length !== this._bytes;
    return this.source.length !== this._sourceBytes && this.status !== Status.NEED_MORE;
  }

  /**
   * The memory of `chunk` may be overwritten or transferred: copies it, if events or the rest need it.
   *
   * @param {Buffer} chunk
   */
  leave(chunk) {
    const leaves = isOverwritten(this.chunk, chunk);
    const sourceLeaves = isOverwritten(this.source, chunk);
    if (!leaves && !sourceLeaves) return;
    const copy = Buffer.from(chunk);
    if (sourceLeaves) this.resumeIn(copy);
    if (leaves) {
      this.chunk = copy;
      this._bytes = copy.length;
    }
  }
}

module.exports = Batch;
