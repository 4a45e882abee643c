'use strict';

/**
 * Long texts that are not ASCII. `Buffer.toString` of Node.js before 24 takes 8 ns for each of their bytes;
 * a detour by UTF-16 takes 2, and what comes of it is the same. It cannot be done in steps: the event that
 * delivers a text must come before those of what the peer sent behind it.
 */
const buffer = require('buffer');

const { utf8Of } = require('../socket/node_internals');

const isSlow = Number(process.versions.node.split('.')[0]) < 24 && typeof buffer.transcode === 'function';

/** Shorter texts are not worth it. */
const LEAST = 65536;

/** Longer ones would take too much memory: seven times their bytes, for a moment. */
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
