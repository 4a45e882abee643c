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
 * Takes all steps, also if some throw, and then throws their exceptions: a listener that throws must not keep others from
 * being called.
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

/**
 * As `sequence`, for steps that are the same functions for all connections: they get their arguments here, and need no
 * closures.
 *
 * @template T
 * @template [A=undefined]
 * @param {T} subject the first argument of each step
 * @param {ReadonlyArray<(subject: T, argument: A) => void>} steps
 * @param {A} [argument] the second one
 */
function sequenceOf(subject, steps, argument) {
  /** @type {unknown[] | null} */
  let errors = null;
  for (let i = 0; i < steps.length; i++) {
    try {
      steps[i](subject, /** @type {A} */ (argument));
    } catch (error) {
      (errors ||= []).push(error);
    }
  }
  if (errors !== null) throwAll(errors);
}

module.exports = { sequence, sequenceOf, throwAll };
