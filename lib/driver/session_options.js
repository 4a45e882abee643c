'use strict';

/** Default of `maxLength`: 64 MiB less one byte. */
const MAX_LENGTH = 0x3ffffff;

const UNSAFE = /[\r\n\0]/;

/** A list given as an array, as comma-separated text, or not at all. */
function protocolList(protocols) {
  if (!protocols) return [];
  const list = typeof protocols === 'string' ? protocols.split(/ *, */) : Array.from(protocols, String);
  for (const protocol of list) {
    if (UNSAFE.test(protocol)) throw new TypeError('Invalid character in subprotocol: ' + JSON.stringify(protocol));
  }
  return list;
}

/** The size limit of a message; falsy means the default. */
function maxLength(value) {
  return Number(value || MAX_LENGTH);
}

module.exports = { protocolList, maxLength };
