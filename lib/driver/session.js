'use strict';

/**
 * The memory that JavaScript shares with the native sessions, and the codes in it. Its layout is documented in
 * src/proto/sessions; both sides have to agree on it.
 */
const { constants } = require('buffer');
const workerThreads = require('worker_threads');

const native = require('../native_binding');

/** Bytes of payloads for which the send queue has room. */
const QUEUE_BYTES = 65536;
/** Events one `receive` can report. */
const MAX_EVENTS = 256;
const HEADER_INTS = 4;
const EVENT_INTS = 3;

const spans = new Int32Array(HEADER_INTS + EVENT_INTS * MAX_EVENTS);
const payloads = Buffer.allocUnsafeSlow(QUEUE_BYTES);
/** Messages for which the send queue has room. */
const MAX_QUEUED = 1024;
const ENTRY_INTS = 3;
const sendQueue = new Int32Array(1 + ENTRY_INTS * MAX_QUEUED);

/** Most bytes that one read of a socket takes. */
const SLAB_BYTES = 65536;
/** The slab: memory into which all sockets are read, one chunk after the other; each chunk overwrites the one before. */
const slab = Buffer.allocUnsafeSlow(SLAB_BYTES);

/** Numbers of connections with output to be written, see ./dirty_list. */
const DIRTY_HEADER_INTS = 3;
const MAX_DIRTY = 1024;
const dirtyList = new Int32Array(DIRTY_HEADER_INTS + MAX_DIRTY);

/**
 * The memory that is lent to the native side. That keeps this object alive while it has sessions or connections of ours, and
 * relies on its properties, which must never be replaced. `number` is that of this copy of the package; it is taken from
 * this object for each session or connection, so that the object is alive then.
 */
const lent = { spans, payloads, sendQueue, slab, dirtyList, number: -1 };
// Bun and Deno have no such function; no user of the package can reach this memory in any case.
if (!process.versions.bun && !process.versions.deno) {
  for (const memory of [spans, payloads, sendQueue, slab, dirtyList]) workerThreads.markAsUntransferable(memory.buffer);
}
lent.number = native.attach(lent, constants.MAX_STRING_LENGTH);

/** A number that no session has: native calls with it do nothing but frame the messages in the send queue. */
const RELEASED = 0xffffffff;

const Status = { NEED_MORE: 0, FULL: 1, HANDSHAKE: 2, VERDICT: 3, BUSY: 4, LANDING: 5 };

/** The kind of an event: the low three bits of its code. */
const Kind = { TEXT_ASCII: 0, TEXT_UTF8: 1, TEXT_LENIENT: 2, BINARY: 3, PING: 4, PONG: 5, ENCODED: 6, PART: 7 };
const KIND_BITS = 7;
/** Bit of an event's code: the payload is in the session's scratch memory, not in the chunk. */
const SCRATCH_BIT = 8;
/** Of an encoded message or a part: the lowest bit of its opcode in the code, and that of its reserved bits or flags. */
const OPCODE_SHIFT = 4;
const RSV_SHIFT = 8;

/**
 * Whether `bytes` are lost when `chunk`, which has just been read, is overwritten: they are that chunk, or in the slab, which
 * has the bytes of this chunk only.
 *
 * @param {Uint8Array} bytes
 * @param {Uint8Array} chunk
 * @returns {boolean}
 */
function isOverwritten(bytes, chunk) {
  return bytes === chunk || bytes.buffer === slab.buffer;
}

/** Versions by their numbers on the native side. */
const VERSIONS = ['', 'hybi-13', 'hybi-8', 'hybi-7', 'hixie-76', 'hixie-75'];

/** Bytes of a masking key (RFC 6455 section 5.2). */
const KEY_BYTES = 4;

const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

module.exports = {
  native, lent, spans, payloads, sendQueue, slab, dirtyList, Status, Kind, Opcode, VERSIONS,
  QUEUE_BYTES, MAX_QUEUED, MAX_DIRTY, DIRTY_HEADER_INTS, ENTRY_INTS, HEADER_INTS, EVENT_INTS, KIND_BITS, SCRATCH_BIT, OPCODE_SHIFT, RSV_SHIFT,
  KEY_BYTES, RELEASED, isOverwritten,
};
