'use strict';

const requireSingleLine = require('./single_line');

/**
 * Name and value of a header, checked; null for an undefined value.
 *
 * @param {any} name converted to text
 * @param {any} value converted to text
 * @returns {[name: string, value: string] | null}
 * @throws {TypeError} for CR, LF or NUL (RFC 9110 section 5.5)
 */
function headerLine(name, value) {
  if (value === undefined) return null;
  name = name.toString();
  value = value.toString();
  requireSingleLine(name, 'header name');
  requireSingleLine(value, `the value of header ${name}`, '');
  return [name, value];
}

module.exports = headerLine;
