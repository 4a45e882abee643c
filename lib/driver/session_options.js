'use strict';

const requireSingleLine = require('../single_line');

/** Default of `maxLength`: 64 MiB less one byte. */
const MAX_LENGTH = 0x3ffffff;

/**
 * The subprotocols of a list, or of a text with commas between them.
 *
 * @param {Iterable<unknown> | string | null | undefined} protocols
 * @returns {string[]}
 * @throws {TypeError} for CR, LF or NUL
 */
function protocolList(protocols) {
  if (!protocols) return [];
  const list = typeof protocols === 'string' ? protocols.split(/ *, */) : Array.from(protocols, String);
  for (const protocol of list) requireSingleLine(protocol, 'subprotocol');
  return list;
}

/**
 * The size limit of a message; falsy means the default.
 *
 * @param {unknown} value
 * @returns {number} bytes
 */
function maxLength(value) {
  return Number(value || MAX_LENGTH);
}

module.exports = { protocolList, maxLength };
