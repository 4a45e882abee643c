'use strict';

/**
 * The send queue: short messages wait in shared memory, and the next native call, for any purpose, frames all of them. See
 * src/proto/sessions.
 */
const { native, payloads, sendQueue, QUEUE_BYTES, MAX_QUEUED, ENTRY_INTS, RELEASED } = require('./session');
const { writeUtf8 } = require('../socket/node_internals');

/** Longer messages are not queued, as a native call costs less than to copy them, in bytes. */
const MAX_BYTES = 4096;
const MAX_CHARS = Math.floor(QUEUE_BYTES / 3);

/** Bytes of `payloads` in use; right only while the queue is not empty. */
let used = 0;

/**
 * Makes room for `length` bytes, and returns their place in `payloads`.
 *
 * @param {number} length
 * @returns {number}
 */
function reserve(length) {
  if (sendQueue[0] === 0) used = 0;
  else if (length > QUEUE_BYTES - used || sendQueue[0] === MAX_QUEUED) {
    native.pending(RELEASED);
    used = 0;
  }
  return used;
}

/**
 * @param {number} id
 * @param {number} opcode
 * @param {number} length
 * @returns {number}
 */
function commit(id, opcode, length) {
  const at = 1 + ENTRY_INTS * sendQueue[0]++;
  sendQueue[at] = id;
  sendQueue[at + 1] = opcode;
  sendQueue[at + 2] = length;
  used += length;
  return length;
}

/**
 * Queues a text.
 *
 * @param {number} id of the session
 * @param {number} opcode with reserved bits above its low four bits
 * @param {string} text
 * @returns {number} bytes queued, or -1 when the text is too long
 */
function queueText(id, opcode, text) {
  if (text.length > MAX_CHARS) return -1;
  const at = reserve(text.length * 3);
  return commit(id, opcode, writeUtf8(payloads, text, at));
}

/**
 * Queues bytes.
 *
 * @param {number} id of the session
 * @param {number} opcode with reserved bits above its low four bits
 * @param {Uint8Array} bytes
 * @returns {number} bytes queued, or -1 when there are too many
 */
function queueBytes(id, opcode, bytes) {
  const { length } = bytes;
  if (length > MAX_BYTES) return -1;
  const at = reserve(length);
  // A detached Buffer has no length, and cannot be copied from.
  if (length > 0) payloads.set(bytes, at);
  return commit(id, opcode, length);
}

/**
 * Has all queued messages framed, of all sessions.
 *
 * @param {number} id of a session
 * @returns {number} bytes of this session that wait for the peer
 */
function frameQueued(id) {
  return native.pending(id);
}

module.exports = { queueText, queueBytes, frameQueued };
