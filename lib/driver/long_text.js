'use strict';

/**
 * Decoding long texts that are not ASCII. `Buffer.toString` of Node.js before 24 takes 8 ns for each byte; by way of UTF-16
 * it takes 2 ns, with the same result. A text is decoded in one step, since its event has to be delivered before those of
 * later messages.
 */
const buffer = require('buffer');

const { utf8Of } = require('../socket/node_internals');

const isSlow = Number(process.versions.node.split('.')[0]) < 24 && typeof buffer.transcode === 'function';

/** Shorter texts are decoded by `toString`, in bytes. */
const LEAST = 65536;

/** So are longer texts, as the way by UTF-16 needs seven times their length of memory. */
const MOST = 128 * 1024 * 1024;

/**
 * The text of well-formed UTF-8.
 *
 * @param {Buffer} bytes
 * @returns {string}
 */
function decodeText(bytes) {
  const { length } = bytes;
  if (!isSlow || length < LEAST || length > MOST) return utf8Of(bytes, 0, length);
  return buffer.transcode(bytes, 'utf8', 'utf16le').toString('utf16le');
}

module.exports = { LEAST, decodeText };
