'use strict';

/**
 * Memory for frames. To get fresh pages of memory costs more than to write to them, so that the memory of the last message
 * is used again when that was written.
 */

const { writeLatin1, writeUtf8 } = require('../socket/node_internals');

/** Bytes before a payload for the header of its frame, which the native side writes there. */
const HEADER_ROOM = 14;

/** Larger memory is not kept. */
const MOST_KEPT = 1024 * 1024 + HEADER_ROOM;

/** Memory whose message was written; and the memory that was taken last. */
let spare = /** @type {Buffer | null} */ (null);
let lent = /** @type {Buffer | null} */ (null);

/**
 * Memory of `size` bytes that no other code has.
 *
 * @param {number} size bytes
 * @returns {Buffer}
 */
function take(size) {
  if (spare === null || spare.length < size) return Buffer.allocUnsafeSlow(size);
  lent = spare;
  spare = null;
  return lent.subarray(0, size);
}

/**
 * Keeps memory for the next message; no other code may have it.
 *
 * @param {Uint8Array} memory
 */
function keep({ buffer }) {
  if (lent !== null && lent.buffer === buffer) {
    spare = lent;
  } else if (buffer.byteLength <= MOST_KEPT && (spare === null || spare.length < buffer.byteLength)) {
    spare = Buffer.from(buffer);
  }
}

/**
 * A copy of a payload, behind room for its header: the caller may overwrite its buffer at once.
 *
 * @param {Uint8Array} payload
 * @returns {Buffer}
 */
function bytesIn(payload) {
  const memory = take(HEADER_ROOM + payload.length);
  memory.set(payload, HEADER_ROOM);
  return memory;
}

/**
 * A text behind room for its header.
 *
 * @param {string} text
 * @returns {Buffer}
 */
function textIn(text) {
  const size = Buffer.byteLength(text, 'utf8');
  const memory = take(HEADER_ROOM + size);
  // A text with as many bytes as characters is ASCII, which is the same in Latin-1.
  if (size === text.length) writeLatin1(memory, text, HEADER_ROOM);
  else writeUtf8(memory, text, HEADER_ROOM);
  return memory;
}

module.exports = { HEADER_ROOM, take, keep, bytesIn, textIn };
