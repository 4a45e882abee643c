'use strict';

// WebSocket frames as bytes, written independently of the package under test.

const crypto = require('node:crypto');

const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/**
 * One frame. Nothing is checked: hostile frames are the point.
 *
 * @param {number} opcode
 * @param {Buffer|string} [payload]
 * @param {object} [options]
 * @param {boolean} [options.fin] default true
 * @param {number} [options.rsv] the three reserved bits as a number, default 0
 * @param {Buffer|boolean} [options.mask] a key, or true for a random one
 * @param {number} [options.form] 7, 16 or 64: a length encoding longer than needed
 * @param {number|bigint} [options.length] announced length, when it is not the payload's
 */
function frame(opcode, payload = '', options = {}) {
  const data = Buffer.isBuffer(payload) ? payload : Buffer.from(String(payload));
  const { fin = true, rsv = 0, mask = false } = options;
  const length = options.length === undefined ? data.length : options.length;
  const form = options.form || (length < 126 ? 7 : length < 65536 ? 16 : 64);

  const head = Buffer.alloc(form === 7 ? 2 : form === 16 ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  if (form === 7) head[1] = Number(length);
  if (form === 16) {
    head[1] = 126;
    head.writeUInt16BE(Number(length), 2);
  }
  if (form === 64) {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  if (!mask) return Buffer.concat([head, data]);

  const key = Buffer.isBuffer(mask) ? mask : crypto.randomBytes(4);
  head[1] |= 0x80;
  const masked = Buffer.from(data);
  for (let i = 0; i < masked.length; i++) masked[i] ^= key[i & 3];
  return Buffer.concat([head, key, masked]);
}

/** A frame as a client must send it. */
function masked(opcode, payload, options) {
  return frame(opcode, payload, { mask: true, ...options });
}

/** The payload of a close frame. */
function closePayload(code, reason = '') {
  const text = Buffer.isBuffer(reason) ? reason : Buffer.from(reason);
  const out = Buffer.alloc(2 + text.length);
  out.writeUInt16BE(code, 0);
  text.copy(out, 2);
  return out;
}

/**
 * The first frame in some bytes, or null while it is incomplete.
 *
 * @returns {?{fin: boolean, rsv: number, opcode: number, mask: ?Buffer, payload: Buffer, size: number}}
 */
function parse(bytes) {
  if (bytes.length < 2) return null;
  let offset = 2;
  let length = bytes[1] & 0x7f;
  if (length === 126) {
    if (bytes.length < 4) return null;
    length = bytes.readUInt16BE(2);
    offset = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return null;
    length = Number(bytes.readBigUInt64BE(2));
    offset = 10;
  }
  let mask = null;
  if (bytes[1] & 0x80) {
    if (bytes.length < offset + 4) return null;
    mask = Buffer.from(bytes.subarray(offset, offset + 4));
    offset += 4;
  }
  if (bytes.length < offset + length) return null;
  const payload = Buffer.from(bytes.subarray(offset, offset + length));
  if (mask) for (let i = 0; i < payload.length; i++) payload[i] ^= mask[i & 3];
  return {
    fin: Boolean(bytes[0] & 0x80),
    rsv: (bytes[0] >> 4) & 7,
    opcode: bytes[0] & 15,
    mask,
    payload,
    size: offset + length
  };
}

module.exports = { CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG, frame, masked, closePayload, parse };
