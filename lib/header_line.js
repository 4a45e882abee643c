'use strict';

const requireSingleLine = require('./single_line');

/**
 * Name and value of a header as they may be sent, or null for an undefined value.
 *
 * @param {any} name made text
 * @param {any} value made text
 * @returns {[name: string, value: string] | null}
 * @throws {TypeError} for CR, LF or NUL, which would end the header and begin another (RFC 9110 section 5.5)
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
