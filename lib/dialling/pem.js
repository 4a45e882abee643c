'use strict';

/**
 * Certificates in plain PEM, which all parsers read alike. In other texts, Node reads the blocks before the first invalid
 * one, and accepts further kinds of blocks.
 */
const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';

/** A line of base64: at most 76 characters (RFC 7468 section 2 has 64; some tools write 76), and padding. */
const LINE = /^[A-Za-z0-9+/]{1,76}={0,2}$/;

/**
 * Whether a text has certificates, and no other blocks, invalid lines or blocks without end. Text between the blocks is
 * ignored.
 *
 * @param {string} text
 * @returns {boolean}
 */
function isPlain(text) {
  let isInside = false;
  let count = 0;
  for (const line of text.split('\n')) {
    const words = line.trimEnd();
    if (!isInside && words === BEGIN) isInside = true;
    else if (isInside && words === END) {
      isInside = false;
      count++;
    } else if (isInside ? !LINE.test(words) : line.includes('-----')) return false;
  }
  return !isInside && count > 0;
}

module.exports = isPlain;
