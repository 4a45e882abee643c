'use strict';

/** Close codes of RFC 6455 section 7.4.1 by the names that extensions have for them, in `error.type`. */
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

/** No close frame was received (RFC 6455 section 7.4.1): never on the wire. */
const ABNORMAL_CLOSURE = 1006;

/** Codes of the IANA registry. */
const SERVICE_RESTART = 1012;
const TRY_AGAIN_LATER = 1013;

/**
 * The close code for the error of an extension.
 *
 * @param {unknown} type of the error: a name of the table above, or a close code
 * @returns {number} 1010 for anything else
 */
function codeOf(type) {
  if (typeof type === 'number' && Number.isInteger(type) && type >= 0 && type <= 0xffff) return type;
  if (typeof type !== 'string' || !Object.hasOwn(CloseCode, type)) return CloseCode.extension_error;
  return CloseCode[/** @type {keyof typeof CloseCode} */ (type)];
}

module.exports = { CloseCode, ABNORMAL_CLOSURE, SERVICE_RESTART, TRY_AGAIN_LATER, codeOf };
