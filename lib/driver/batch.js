'use strict';

const { spans, HEADER_INTS, EVENT_INTS } = require('./session');

/**
 * What one `receive` reported and what is still to be dispatched of it. Kept on the driver while
 * listeners run, so that nothing is lost when one throws or feeds the driver again.
 */
class Batch {
  constructor(chunk, count, status, consumed) {
    this.chunk = chunk;
    // An array, as copying into typed memory of its own costs more than a small batch is worth.
    const length = EVENT_INTS * count;
    const events = new Array(length);
    for (let i = 0; i < length; i++) events[i] = spans[HEADER_INTS + i];
    this.events = events;
    this.next = 0;
    this.status = status;
    this.consumed = consumed;
  }
}

module.exports = Batch;
