'use strict';

// The rows as tests, in their bounded form.

const assert = require('node:assert');
const { describe, it, after } = require('node:test');

const { Attack, plan, faults } = require('./attack');
const { PATHS, pathsOf } = require('./paths');
const { isOriginal } = require('../support/package_under_test');

const WORDS = { whole: 'in one piece', bytes: 'byte by byte' };

/** Attacks every path of one role. */
function attackPaths(role) {
  const skip = isOriginal && 'nothing is expected of the original: see cli.js --peer';
  for (const pathName of pathsOf('ours').filter((name) => PATHS[name].role === role)) {
    describe(`hostile peers, ${pathName}`, { skip }, () => {
      const attack = new Attack('ours', pathName, { bounded: true });
      after(() => attack.end());
      for (const { row, way } of plan(pathName)) {
        it(`row ${row.row}: ${row.title}, ${WORDS[way]}`, { timeout: 120000 }, async () => {
          assert.deepStrictEqual(faults(await attack.play(row, way)), []);
        });
      }
    });
  }
}

module.exports = { attackPaths };
