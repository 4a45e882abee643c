'use strict';

/**
 * Throws for options with unknown names.
 *
 * @param {object | null | undefined} options
 * @param {readonly string[]} validKeys
 * @throws {Error} for the first option, own or inherited, that is not among them
 */
function validateOptions(options, validKeys) {
  for (const key in options) {
    if (!validKeys.includes(key)) throw new Error('Unrecognized option: ' + key);
  }
}

module.exports = validateOptions;
