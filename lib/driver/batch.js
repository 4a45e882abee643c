'use strict';

const { spans, HEADER_INTS, EVENT_INTS } = require('./session');

/**
 * What one `receive` reported and what is still to be dispatched of it. Kept on the driver while
 * listeners run, so that nothing is lost when one throws or feeds the driver again.
 */
class Batch {
  constructor(chunk, count, status, consumed) {
    /** What the events point into, and what is parsed on when they have been dispatched. */
    this.chunk = this.source = chunk;
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

  /** The slab, of which `length` bytes are this batch's, will be overwritten. */
  leave(slab, length) {
    const inSlab = ({ buffer }) => buffer === slab.buffer;
    if (!inSlab(this.chunk) && !inSlab(this.source)) return;
    const copy = Buffer.from(slab.subarray(0, length));
    if (inSlab(this.chunk)) this.chunk = copy;
    if (inSlab(this.source)) this.source = copy;
  }
}

module.exports = Batch;
