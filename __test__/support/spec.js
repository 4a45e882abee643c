'use strict';

// node:test with two additions. Every test and hook has a deadline, so that a
// connection which never answers fails by name instead of hanging the run.
// And `differs` marks a test that holds one of our deliberate differences:
// run against the original it is expected to fail, so it counts as `todo`.

const test = require('node:test');

const { isOriginal } = require('./package_under_test');

const DEADLINE = 60000; // milliseconds; only what never answers gets near it, also on a machine that does much besides
const SLOW = { timeout: 300000 }; // options of a test that starts processes or plays many cases
const HOOK_DEADLINE = 60000; // milliseconds; hooks start browsers and servers

/**
 * @param {string} name
 * @param {object|Function} options `node:test` options, or the body
 * @param {Function} [body]
 */
function it(name, options, body) {
  if (typeof options === 'function') {
    body = options;
    options = {};
  }
  return test(name, { timeout: DEADLINE, ...options }, body);
}

/**
 * A test of something we do differently from the original on purpose.
 *
 * @param {string} id the difference's name, as in the table of the spec file
 */
function differs(id, name, options, body) {
  if (typeof options === 'function') {
    body = options;
    options = {};
  }
  if (isOriginal) options = { ...options, todo: 'differs from the original on purpose' };
  return it(`${name} [${id}]`, options, body);
}

const before = (body) => test.before(body, { timeout: HOOK_DEADLINE });
const after = (body) => test.after(body, { timeout: HOOK_DEADLINE });

module.exports = { SLOW, after, before, describe: test.describe, differs, it };
