'use strict';

/**
 * Memory for what is written in one piece. Fresh memory costs more than what is written to it, so that
 * of the last message is used again once it has left.
 */

const { writeLatin1, writeUtf8 } = require('../socket/node_internals');

/** Bytes left free in front of a message for its header, which the native side writes there. */
const HEADER_ROOM = 14;

/** Larger memory is not kept. */
const MOST_KEPT = 1024 * 1024 + HEADER_ROOM;

/** Memory whose message has left, and the last that was taken of it. */
let spare = /** @type {Buffer | null} */ (null);
let lent = /** @type {Buffer | null} */ (null);

/**
 * Memory of `size` bytes; the caller alone has it.
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
 * Keeps memory that was taken for the next message: nobody else may have it.
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
 * A message behind room for its header: a copy, as the caller may overwrite its buffer at once.
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
  // As many bytes as characters: ASCII, which needs no encoding.
  if (size === text.length) writeLatin1(memory, text, HEADER_ROOM);
  else writeUtf8(memory, text, HEADER_ROOM);
  return memory;
}

module.exports = { HEADER_ROOM, take, keep, bytesIn, textIn };
