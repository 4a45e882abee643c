'use strict';

// What most rows are made of: a list of inputs, each for a connection of its own.

/**
 * @typedef {object} Result
 * @property {string} name what was sent
 * @property {string} got what came of it
 * @property {string|RegExp} expected of this package
 * @property {boolean} ok
 */

/** @returns {Result} */
function result(name, got, expected) {
  const ok = expected instanceof RegExp ? expected.test(got) : got === expected;
  return { name, got, expected, ok };
}

/**
 * Sends each case's bytes on an open connection.
 *
 * @param {Stage} stage
 * @param {Array<[string, (out: Function) => Buffer[], string|RegExp, (string|RegExp)?]>} cases name, frames, the
 *   outcome, and for this package the reason that its listener hears
 * @param {object|((stage: Stage) => object)} [options] of the connections
 * @returns {Promise<Result[]>}
 */
async function onOpen(stage, cases, options = {}) {
  const results = [];
  for (const [name, make, expected, text] of cases) {
    const side = await stage.open(options);
    await side.send(Buffer.concat(make(side.out)));
    let got = await side.verdict(expected === 'open');
    if (stage.isOurs && text !== undefined) {
      const { reason } = side.complaint;
      const same = text instanceof RegExp ? text.test(reason) : reason === text;
      if (!same) got += ` for ${JSON.stringify(reason)}`;
    }
    results.push(result(name, got, expected));
    side.leave();
    if (stage.subject.death !== null) break;
  }
  return results;
}

/** Milliseconds of CPU time that a head may cost. What takes longer takes time that is more than linear. */
const LONGEST = 1000;

/** Sends each request head to a server: `[name, head, outcome, settings]`. */
async function onRequest(stage, cases) {
  const results = [];
  for (const [name, head, expected, settings] of cases) {
    const before = await stage.subject.ask('cpu');
    const side = await stage.status(head, settings);
    const spent = stage.subject.death === null ? await stage.subject.ask('cpu') - before : 0;
    results.push(result(name, side.outcome + (stage.way === 'whole' && spent > LONGEST ? ` after ${spent} ms` : ''), expected));
    side.leave();
    if (stage.subject.death !== null) break;
  }
  return results;
}

/** Answers a client's request: `[name, (request) => head, outcome, options]`. */
async function onResponse(stage, cases) {
  const results = [];
  for (const [name, respond, expected, options] of cases) {
    const side = await stage.answer(respond, options);
    results.push(result(name, side.outcome, expected));
    side.leave();
    if (stage.subject.death !== null) break;
  }
  return results;
}

module.exports = { result, onOpen, onRequest, onResponse };
