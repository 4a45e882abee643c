'use strict';

// Plays generated cases against the original and a candidate, and compares all that could be seen.

const { clientCase } = require('./client_case');
const { deflateCase } = require('./deflate_case');
const { playClient } = require('./play_client');
const { playDeflate } = require('./play_deflate');
const { playMemory } = require('./play_memory');
const { playTcp } = require('./play_tcp');
const { serverCase } = require('./server_case');

/** The ways to play a case: the server over memory or TCP, the client, and either with permessage-deflate. */
const modes = {
  memory: { generate: serverCase, play: playMemory },
  tcp: { generate: serverCase, play: playTcp },
  client: { generate: clientCase, play: playClient },
  deflate: { generate: deflateCase, play: playDeflate },
};

/**
 * @param {Function} original the WebSocket class that is right by definition
 * @param {Function} candidate the one to judge
 * @param {{mode: string, seed: number, from?: number, cases: number}} range
 * @param {(difference: {test: object, want: string[], got: string[]}) => void} onDifference
 * @returns {Promise<Map<string, {same: number, all: number}>>} counts by kind of case
 */
async function compare(original, candidate, { mode, seed, from = 0, cases }, onDifference) {
  const { generate, play } = modes[mode];
  const counts = new Map();
  for (let index = from; index < from + cases; index++) {
    const test = generate(seed, index);
    const want = await play(original, test);
    const got = await play(candidate, test);
    const count = counts.get(test.kind) || { same: 0, all: 0 };
    counts.set(test.kind, count);
    count.all++;
    if (want.join('\n') === got.join('\n')) count.same++;
    else onDifference({ test, want, got });
  }
  return counts;
}

function shortened(line) {
  const text = line === undefined ? '(nothing)' : JSON.stringify(line).slice(1, -1);
  return text.length > 300 ? `${text.slice(0, 300)}... (${text.length})` : text;
}

/** A difference in words, for people. */
function report({ test, want, got }) {
  const { index, chunks, ...rest } = test;
  const lines = [`--- case ${index}: ${JSON.stringify(rest)}`];
  lines.push(`    chunks ${chunks.map((chunk) => chunk.toString('hex').slice(0, 120)).join(' | ').slice(0, 600)}`);
  for (let i = 0; i < Math.max(want.length, got.length); i++) {
    if (want[i] === got[i]) lines.push(`    = ${shortened(want[i])}`);
    else lines.push(`    original:  ${shortened(want[i])}`, `    candidate: ${shortened(got[i])}`);
  }
  return lines.join('\n');
}

module.exports = { compare, modes, report };
