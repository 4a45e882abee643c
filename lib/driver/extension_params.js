'use strict';

/**
 * The parameters of an extension as an object, made of the native side's list of keys and values in turn. A parameter that
 * is repeated has an array of values.
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
    // Defined, not assigned: the peer may have named a parameter __proto__.
    Object.defineProperty(params, key, { value: known, writable: true, enumerable: true, configurable: true });
  }
  return params;
}

/**
 * The native side's list, made of the object of a plug-in.
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
