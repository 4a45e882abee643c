'use strict';

// Requiring this makes every `require('faye-websocket')` of this process, deep
// ones included, yield the package under test, whoever asks: real dependents
// run on it without knowing.

const assert = require('node:assert');
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');

const subject = require('./package_under_test');

const NAME = /^faye-websocket(\/|$)/;
const resolve = Module._resolveFilename;
let substituted = 0;

Module._resolveFilename = function (request, ...rest) {
  if (!NAME.test(request)) return resolve.call(this, request, ...rest);
  substituted++;
  return require.resolve(path.join(subject.dir, request.replace(NAME, '')));
};

/**
 * Fails unless the package under test was asked for and no other copy of it,
 * nor of the JavaScript driver beneath the original, has been loaded.
 */
function assertSubstituted() {
  assert.ok(substituted > 0, 'nobody required faye-websocket');
  const own = subject.dir + path.sep;
  const foreign = Object.keys(require.cache)
    .map((file) => fs.realpathSync(file))
    .filter((file) => /[\\/]node_modules[\\/](faye-websocket|websocket-driver)[\\/]/.test(file))
    .filter((file) => !file.startsWith(own))
    .filter((file) => !subject.isOriginal || file.includes('faye-websocket'));
  assert.deepStrictEqual(foreign, []);
}

module.exports = { assertSubstituted };
