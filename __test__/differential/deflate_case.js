'use strict';

// Generates what a peer with permessage-deflate does to a server or a client under test: its half of the
// negotiation, and messages, right or wrong. The plug-in's work is asynchronous in the original and not here, so
// each step is one that is answered, and the next one waits for the answer.

const { random } = require('./random');

const TEXTS = ['', 'a', 'Hello', 'héllo wörld', '日本語テキスト', 'x'.repeat(700), 'é'.repeat(33000), JSON.stringify(Array(50).fill({ a: 1 })),
  '!ping x', '!binary', '!number', '!surrogate'];
const OFFERS = ['permessage-deflate', 'permessage-deflate; client_max_window_bits',
  'permessage-deflate; client_max_window_bits=10; server_max_window_bits=11',
  'permessage-deflate; server_no_context_takeover; client_no_context_takeover', 'permessage-deflate; server_max_window_bits=15',
  'permessage-deflate; server_max_window_bits=8; server_no_context_takeover', 'permessage-deflate; server_max_window_bits=7',
  'permessage-deflate; client_max_window_bits=16, permessage-deflate', 'permessage-deflate; x=1', 'x-other, permessage-deflate',
  'permessage-deflate; server_max_window_bits', 'permessage-deflate; client_no_context_takeover=1', 'permessage-deflate;', 'x-other', undefined,
  'permessage-deflate; server_max_window_bits="9"', 'permessage-deflate; server_max_window_bits=9; server_max_window_bits=9'];
const ANSWERS = ['permessage-deflate', 'permessage-deflate; client_max_window_bits=10', 'permessage-deflate; server_max_window_bits=9',
  'permessage-deflate; server_no_context_takeover', 'permessage-deflate; client_no_context_takeover', undefined,
  'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9',
  'permessage-deflate; client_max_window_bits', 'permessage-deflate; server_max_window_bits=7', 'permessage-deflate; y',
  'permessage-deflate, permessage-deflate', 'x-other', 'permessage-deflate;;'];
const CONFIGURATIONS = [{}, {}, {}, { noContextTakeover: true }, { requestNoContextTakeover: true }, { maxWindowBits: 9 },
  { requestMaxWindowBits: 10 }, { level: 1, memLevel: 4 }, { maxWindowBits: 12, requestMaxWindowBits: 9, noContextTakeover: true,
    requestNoContextTakeover: true }, { level: 0, strategy: 2 }];
const BAD_UTF8 = ['c328', 'eda080', 'f4908080', '48ff'].map((hex) => Buffer.from(hex, 'hex'));

// A compressed payload that is none, and how it begins to be wrong.
const BAD_DATA = ['0600', '0001000000', 'fcffff', '07', 'f2001100000006'].map((hex) => Buffer.from(hex, 'hex'));

function message(r) {
  const step = { opcode: r.pick([1, 1, 2]), compressed: r.chance(0.85), fragments: r.chance(0.3) ? 1 + r.int(4) : 1 };
  const kind = r.int(20);
  if (kind < 14) return { ...step, payload: Buffer.from(r.pick(TEXTS)) };
  if (kind < 16) return { ...step, payload: r.bytes(r.pick([0, 1, 125, 126, 1000])), opcode: 2 };
  if (kind < 17) return { ...step, opcode: 1, payload: r.pick(BAD_UTF8), fatal: true, fragments: 1 };
  // Binary: of a text that arrives byte by byte, we find what is inflated before the error to be no UTF-8.
  if (kind < 18) return { ...step, opcode: 2, raw: r.pick(BAD_DATA), compressed: true, fatal: true, fragments: 1 };
  if (kind < 19) return { opcode: r.pick([0, 8, 9, 10]), raw: Buffer.from('x'), compressed: true, fragments: 1, fatal: true };
  return { ...step, opcode: 1, payload: Buffer.from('!close 3001 done'), fatal: true };
}

/** @returns {object} the case that the seed and the index name */
function deflateCase(seed, index) {
  const r = random(seed ^ 0x2545f491, index);
  const role = r.pick(['server', 'client']);
  const steps = [];
  for (let left = 1 + r.int(6); left > 0; left--) {
    steps.push(message(r));
    if (steps[steps.length - 1].fatal) break;
  }
  const limited = r.chance(0.1);
  return {
    index,
    kind: role,
    extensions: r.pick(role === 'server' ? OFFERS : ANSWERS),
    // Without an offer or with one that is declined the frames are refused or taken as they are.
    configuration: r.pick(CONFIGURATIONS),
    options: limited ? { maxLength: r.pick([1, 100, 1000]) } : {},
    steps,
    chunks: steps.map(({ payload, raw }) => payload || raw),
    dripping: r.chance(0.2),
    key: r.bytes(4),
  };
}

module.exports = { deflateCase };
