'use strict';

/**
 * The memory JavaScript and the native sessions share, and the codes that are passed in it. The
 * layout is documented in src/proto/sessions; both sides must agree on it.
 */
const { constants } = require('buffer');
const workerThreads = require('worker_threads');

const native = require('../native_binding');

/** Bytes of payloads that can be queued. */
const QUEUE_BYTES = 65536;
/** Events one `receive` can report. */
const MAX_EVENTS = 256;
const HEADER_INTS = 4;
const EVENT_INTS = 3;

const spans = new Int32Array(HEADER_INTS + EVENT_INTS * MAX_EVENTS);
const payloads = Buffer.allocUnsafeSlow(QUEUE_BYTES);
/** Messages that can be queued before the native side has to frame them. */
const MAX_QUEUED = 1024;
const ENTRY_INTS = 3;
const sendQueue = new Int32Array(1 + ENTRY_INTS * MAX_QUEUED);

/** Bytes one read of a socket can take. */
const SLAB_BYTES = 65536;
/** Where sockets are read to, one chunk after the other: nothing may refer to it for long. */
const slab = Buffer.allocUnsafeSlow(SLAB_BYTES);

/** Connections whose output is ready, see ./dirty_list. */
const DIRTY_HEADER_INTS = 3;
const MAX_DIRTY = 1024;
const dirtyList = new Int32Array(DIRTY_HEADER_INTS + MAX_DIRTY);

/**
 * What is lent to the native side, which keeps this object while it has sessions or connections of ours
 * and relies on its properties: they are never replaced. Whoever begins a session or a connection takes
 * the number from here, so that the object is there as long as anybody can.
 */
const lent = { spans, payloads, sendQueue, slab, dirtyList, number: -1 };
// Bun and Deno cannot do that; there, too, this memory reaches no user.
if (!process.versions.bun && !process.versions.deno) {
  for (const memory of [spans, payloads, sendQueue, slab, dirtyList]) workerThreads.markAsUntransferable(memory.buffer);
}
lent.number = native.attach(lent, constants.MAX_STRING_LENGTH);

/** No session has this number: the native side ignores whatever is asked of it, but frames what is queued. */
const RELEASED = 0xffffffff;

const Status = { NEED_MORE: 0, FULL: 1, HANDSHAKE: 2, VERDICT: 3, BUSY: 4, LANDING: 5 };

/** Low three bits of an event's code: what it is. */
const Kind = { TEXT_ASCII: 0, TEXT_UTF8: 1, TEXT_LENIENT: 2, BINARY: 3, PING: 4, PONG: 5, ENCODED: 6, PART: 7 };
const KIND_BITS = 7;
/** The payload lies in the session's scratch memory, not in the chunk. */
const SCRATCH_BIT = 8;
/** Of an encoded message: its opcode and reserved bits follow above these. */
const OPCODE_SHIFT = 4;
const RSV_SHIFT = 8;

/** Versions by the numbers the native side knows them by. */
const VERSIONS = ['', 'hybi-13', 'hybi-8', 'hybi-7', 'hixie-76', 'hixie-75'];

/** Bytes of a masking key (RFC 6455 section 5.2). */
const KEY_BYTES = 4;

const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

module.exports = {
  native, lent, spans, payloads, sendQueue, slab, dirtyList, Status, Kind, Opcode, VERSIONS,
  QUEUE_BYTES, MAX_QUEUED, MAX_DIRTY, DIRTY_HEADER_INTS, ENTRY_INTS, HEADER_INTS, EVENT_INTS, KIND_BITS, SCRATCH_BIT, OPCODE_SHIFT, RSV_SHIFT,
  KEY_BYTES, RELEASED,
};
