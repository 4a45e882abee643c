'use strict';

const UNSAFE = /[\r\n\0]/;

/**
 * Name and value of a header as they may be sent, or null for an undefined value.
 * Throws a TypeError for what would end the header and begin another.
 */
function headerLine(name, value) {
  if (value === undefined) return null;
  name = name.toString();
  value = value.toString();
  if (UNSAFE.test(name)) throw new TypeError(`Invalid character in header name: ${JSON.stringify(name)}`);
  if (UNSAFE.test(value)) throw new TypeError(`Invalid character in the value of header ${name}`);
  return [name, value];
}

module.exports = headerLine;
