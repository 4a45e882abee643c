'use strict';

/** Close codes by the names extensions use for them in `error.type`. */
const CloseCode = {
  normal_closure: 1000,
  going_away: 1001,
  protocol_error: 1002,
  unacceptable: 1003,
  encoding_error: 1007,
  policy_violation: 1008,
  too_large: 1009,
  extension_error: 1010,
  unexpected_condition: 1011,
};

/**
 * A name of the table above, or the code itself.
 *
 * @param {string | number} type
 * @returns {number} undefined for a name that is not in the table
 */
function codeOf(type) {
  return typeof type === 'string' ? CloseCode[/** @type {keyof typeof CloseCode} */ (type)] : type;
}

module.exports = { CloseCode, codeOf };
