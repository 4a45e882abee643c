'use strict';

const { native } = require('./session');

/** The name and parameters of one extension in a header, as plug-ins expect them. */
function readParams([name, ...pairs]) {
  const params = {};
  for (let i = 0; i < pairs.length; i += 2) {
    const key = pairs[i];
    const value = pairs[i + 1];
    const known = Object.prototype.hasOwnProperty.call(params, key) ? [].concat(params[key], value) : value;
    // Defined, not assigned: a peer may call a parameter __proto__.
    Object.defineProperty(params, key, { value: known, writable: true, enumerable: true, configurable: true });
  }
  return { name, params };
}

/** The extensions in a header, in order. Throws where it breaks the grammar. */
function parse(header) {
  return native.parseExtensions(header || '').map(readParams);
}

/** One extension as it stands in a header. */
function serialize(name, params) {
  const pairs = [];
  for (const key in params) {
    for (const value of [].concat(params[key])) {
      pairs.push(key, value === true || typeof value === 'number' ? value : String(value));
    }
  }
  return native.serializeExtension(name, pairs);
}

module.exports = { parse, serialize };
