'use strict';

/** Throws for the first option, own or inherited, that is not among `validKeys`. */
function validateOptions(options, validKeys) {
  for (const key in options) {
    if (!validKeys.includes(key)) throw new Error('Unrecognized option: ' + key);
  }
}

module.exports = validateOptions;
