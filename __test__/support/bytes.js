'use strict';

const assert = require('node:assert');

/**
 * Asserts that two Buffers are equal. For long ones: since Node.js 22 `deepStrictEqual` needs minutes to print how two
 * Buffers of 100 KB differ, and no deadline ends a test that does not yield.
 */
function sameBytes(actual, expected) {
  assert.ok(Buffer.isBuffer(actual), `not a Buffer: ${typeof actual}`);
  assert.strictEqual(actual.length, expected.length);
  const at = actual.equals(expected) ? -1 : actual.findIndex((byte, i) => byte !== expected[i]);
  assert.strictEqual(at, -1, `byte ${at} is ${actual[at]} and not ${expected[at]}`);
}

module.exports = { sameBytes };
