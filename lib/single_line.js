'use strict';

const native = require('./native_binding');

/**
 * Throws for a text of the application with CR, LF or NUL, which must not be part of a line of a request or response (RFC
 * 9110 section 5.5).
 *
 * @param {string} text
 * @param {string} what the name of the text, for the error's message
 * @param {string} [shown] the end of the message; by default the text itself, in quotes
 * @throws {TypeError}
 */
function requireSingleLine(text, what, shown = ': ' + JSON.stringify(text)) {
  if (!native.isSingleLine(text)) throw new TypeError(`Invalid character in ${what}${shown}`);
}

module.exports = requireSingleLine;
