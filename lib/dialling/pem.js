'use strict';

/**
 * Certificates in PEM of the plainest kind, which every reader of PEM takes for the same. Of anything
 * else, Node reads what comes before the first block that it cannot read, and it knows further kinds
 * of blocks.
 */
const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';

/** As long as a line may be (RFC 7468, section 2, has 64; some tools write 76). */
const LINE = /^[A-Za-z0-9+/]{1,76}={0,2}$/;

/**
 * Whether a text has certificates, and no other blocks, broken lines or unfinished ends. Remarks
 * between the blocks mean nothing.
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
