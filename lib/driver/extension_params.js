'use strict';

/**
 * The parameters of an extension, of the list of keys and values in turn that the native side has of
 * them. A parameter that comes more than once has an array of values.
 *
 * @param {(string | number | boolean)[]} list keys, which are strings, and values
 * @returns {import('../contracts').ExtensionParams} what plug-ins expect
 */
function readParams(list) {
  /** @type {import('../contracts').ExtensionParams} */
  const params = {};
  for (let i = 0; i < list.length; i += 2) {
    const key = /** @type {string} */ (list[i]);
    const value = list[i + 1];
    const known = Object.prototype.hasOwnProperty.call(params, key) ? /** @type {unknown[]} */ ([]).concat(params[key], value) : value;
    // Defined, not assigned: a peer may call a parameter __proto__.
    Object.defineProperty(params, key, { value: known, writable: true, enumerable: true, configurable: true });
  }
  return params;
}

/**
 * The other way round: what a plug-in says, as the native side takes it.
 *
 * @param {import('../contracts').ExtensionParams} params
 * @returns {(string | number | boolean)[]}
 */
function writeParams(params) {
  const list = [];
  for (const key in params) {
    for (const value of /** @type {unknown[]} */ ([]).concat(params[key])) {
      list.push(key, value === true || typeof value === 'number' ? value : String(value));
    }
  }
  return list;
}

module.exports = { readParams, writeParams };
