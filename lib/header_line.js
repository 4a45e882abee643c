'use strict';

const requireSingleLine = require('./single_line');

/**
 * Name and value of a header as they may be sent, or null for an undefined value.
 * Throws a TypeError for what would end the header and begin another.
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
