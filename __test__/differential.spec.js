'use strict';

const assert = require('node:assert');
const { compare, modes, report } = require('./differential/compare');
const { loadCandidate, loadOriginal } = require('./differential/implementations');
const { SLOW, describe, it } = require('./support/spec');

const original = loadOriginal();
const candidate = loadCandidate();

async function differences(judged, range) {
  const found = [];
  const counts = await compare(original, judged, range, (difference) => found.push(difference));
  return { found, all: [...counts.values()].reduce((sum, count) => sum + count.all, 0) };
}

describe('observable behaviour equals that of the original', () => {
  for (const [mode, cases] of [['memory', 1400], ['tcp', 700], ['client', 900], ['deflate', 500]]) {
    it(`${cases} generated cases, ${mode}`, SLOW, async () => {
      const { found, all } = await differences(candidate, { mode, seed: 1, cases });
      assert.strictEqual(all, cases);
      assert.ok(found.length === 0, `${found.length} of ${all} cases differ, the first ones:\n${found.slice(0, 3).map(report).join('\n')}`);
    });
  }
});

describe('the comparison itself', () => {
  it('generates the same case for the same seed and index, and another for another', () => {
    for (const { generate } of Object.values(modes)) {
      assert.deepStrictEqual(generate(7, 11), generate(7, 11));
      assert.notDeepStrictEqual(generate(7, 11), generate(7, 12));
      assert.notDeepStrictEqual(generate(7, 11), generate(8, 11));
    }
  });

  it('finds no difference between the original and itself', SLOW, async () => {
    for (const mode of Object.keys(modes)) {
      const { found } = await differences(original, { mode, seed: 2, cases: 60 });
      assert.deepStrictEqual(found.map(report), []);
    }
  });

  it('finds a ping that is not sent, a message that is altered, and a close code that is another', SLOW, async () => {
    const spoilers = [
      (ws) => { ws.ping = () => true; },
      (ws) => { ws.send = (message) => Object.getPrototypeOf(ws).send.call(ws, `${message}!`); },
      (ws) => { ws.close = () => Object.getPrototypeOf(ws).close.call(ws, 4000); },
    ];
    for (const spoil of spoilers) {
      const spoiled = (Class) => function (...args) {
        const ws = new Class(...args);
        spoil(ws);
        return ws;
      };
      const judged = Object.assign(spoiled(original), { Client: spoiled(original.Client) });
      for (const mode of Object.keys(modes)) {
        const { found } = await differences(judged, { mode, seed: 3, cases: 120 });
        assert.notStrictEqual(found.length, 0, `${mode}: ${spoil}`);
      }
    }
  });
});
