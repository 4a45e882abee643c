'use strict';

/**
 * Throws the first of the errors; each of the others is thrown in a tick of its own.
 *
 * @param {unknown[]} errors
 * @throws {unknown} the first of them
 */
function throwAll(errors) {
  for (const error of errors.slice(1)) {
    process.nextTick(() => {
      throw error;
    });
  }
  if (errors.length > 0) throw errors[0];
}

/**
 * Takes every step, whatever those before it throw, and then throws all of that: a listener must not keep
 * others from learning what comes next.
 *
 * @param {...function(): void} steps
 */
function sequence(...steps) {
  const errors = [];
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throwAll(errors);
}

module.exports = { sequence, throwAll };
