'use strict';

/** Payloads longer than this have memory of their own. */
const MOST_POOLED = 16384;

/** So many of the longest share one memory: making it costs as much as filling it. */
const SHARERS = 4;

let pool = Buffer.alloc(0);
let used = 0;

/**
 * Memory for a payload of `length` bytes, which its listeners may keep. What is too long for Node's
 * own pool shares a larger one; a payload fills at least a sixteenth of what it keeps alive.
 */
function allocate(length) {
  if (length <= Buffer.poolSize >>> 1 || length > MOST_POOLED) return Buffer.allocUnsafe(length);
  if (pool.length - used < length) {
    pool = Buffer.allocUnsafeSlow(SHARERS * MOST_POOLED);
    used = 0;
  }
  const start = used;
  // Aligned, as Node's pool is.
  used = start + length + 7 & ~7;
  return pool.subarray(start, start + length);
}

module.exports = allocate;
