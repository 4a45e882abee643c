'use strict';

const native = require('./native_binding');

/**
 * Refuses a text of the application that would end the line of a request or response it stands in,
 * and begin another: one with CR, LF or NUL (RFC 9110 section 5.5).
 *
 * @param {string} text
 * @param {string} what it is, for the error's message
 * @param {string} [shown] as which the message shows it; by default the text itself, in quotes
 * @throws {TypeError}
 */
function requireSingleLine(text, what, shown = ': ' + JSON.stringify(text)) {
  if (!native.isSingleLine(text)) throw new TypeError(`Invalid character in ${what}${shown}`);
}

module.exports = requireSingleLine;
