'use strict';

const { spans, HEADER_INTS, EVENT_INTS } = require('./session');

/**
 * What one `receive` reported and what is still to be dispatched of it. Kept on the driver while
 * listeners run, so that nothing is lost when one throws or feeds the driver again.
 */
class Batch {
  constructor(chunk, count, status, consumed) {
    this.chunk = chunk;
    this.events = spans.slice(HEADER_INTS, HEADER_INTS + EVENT_INTS * count);
    this.next = 0;
    this.status = status;
    this.consumed = consumed;
  }
}

module.exports = Batch;
