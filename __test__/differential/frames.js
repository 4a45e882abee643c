'use strict';

// Frames as bytes: written well or wrongly by the peer of an implementation under test, and read back from it.

const BAD_UTF8 = ['c328', 'a0a1', 'e228a1', 'e28228', 'f0288cbc', 'f09028bc', 'f0288c28', 'f8a1a1a1a1', 'eda080',
  'f4908080', 'c080', 'e08080', '48ff'].map((hex) => Buffer.from(hex, 'hex'));

// 1012 to 1014 are left out: they have been registered since, and are accepted (a deliberate difference).
const CLOSE_CODES = [1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1015, 1100, 2000, 2999,
  3000, 3500, 4000, 4999, 5000, 65535, 0, 999];

// Texts that make the implementation under test do something (see observe.js).
const COMMANDS = ['!close', '!close 3001 done', '!close 1000', '!close 999 bad', '!close NaN', '!close 3000.5 x', '!ping',
  '!ping x', '!ping-callback abc', '!binary', '!send-many', '!end', '!end last', '!number', '!array', '!null', '!surrogate',
  '!write', '!listeners'];

function frame(r, { fin = true, rsv = 0, opcode = 1, payload = Buffer.alloc(0), masked, form }) {
  const n = payload.length;
  const size = form || (n < 126 ? 7 : n < 65536 ? 16 : 64);
  const mask = masked ? 0x80 : 0;
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  if (size === 7) head.push(mask | n);
  else if (size === 16) head.push(mask | 126, n >> 8, n & 255);
  else head.push(mask | 127, 0, 0, 0, 0, (n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255);
  if (!masked) return Buffer.concat([Buffer.from(head), payload]);
  const key = r.bytes(4);
  return Buffer.concat([Buffer.from(head), key, payload.map((byte, i) => byte ^ key[i & 3])]);
}

function closePayload(r) {
  const kind = r.int(6);
  if (kind === 0) return Buffer.alloc(0);
  if (kind === 1) return r.bytes(1); // too short for a code
  const code = r.pick(CLOSE_CODES);
  let reason = Buffer.from(r.pick(['bye', 'going', 'é', 'r'.repeat(123)]));
  if (kind === 2) reason = Buffer.alloc(0);
  if (kind === 3) reason = r.pick(BAD_UTF8);
  return Buffer.concat([Buffer.from([code >> 8, code & 255]), reason]);
}

function violation(r, make, masked, closing) {
  // While closing the original answers an over-long ping with an illegal pong; this package never sends one.
  const tooLong = closing ? [8, 10] : [8, 9, 10];
  const kinds = [
    () => make({ rsv: 1 + r.int(7), payload: Buffer.from('rsv') }),
    () => make({ opcode: r.pick([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), payload: Buffer.from('op') }),
    () => make({ opcode: r.pick([8, 9, 10]), fin: false, payload: Buffer.from('fr') }),
    () => make({ opcode: r.pick(tooLong), payload: r.bytes(r.pick([126, 200])) }),
    () => make({ opcode: 0, payload: Buffer.from('lost') }),
    () => Buffer.concat([Buffer.from([0x81, masked ? 0xff : 0x7f]),
      Buffer.from(r.pick(['7fffffffffffffff', '0000000004000000', '8000000000000000']), 'hex'), r.bytes(4)]),
  ];
  // That a server may not mask is checked here and not by the original: a deliberate difference.
  if (masked) kinds.push(() => make({ masked: false, payload: Buffer.from('unmasked') }), () => r.bytes(1 + r.int(40)));
  return r.pick(kinds)();
}

/**
 * What a hybi peer sends after the handshake.
 *
 * @param {boolean} masked true for a client's frames
 * @param {{texts: string[], sizes: number[]}} payloads to choose from
 * @returns {{bytes: Buffer, fatal: boolean}[]} `fatal` marks what may make the other side close at once
 */
function hybiFrames(r, masked, { texts, sizes }) {
  const out = [];
  const make = (fields) => frame(r, { masked, ...fields });
  const add = (fields, fatal = false) => out.push({ bytes: make(fields), fatal });
  let closing = false;
  for (let left = 1 + r.int(6); left > 0; left--) {
    const kind = r.int(20);
    if (kind < 5) add({ payload: Buffer.from(r.pick(texts)) });
    else if (kind < 7) add({ opcode: 2, payload: r.bytes(r.pick(sizes)) });
    else if (kind < 9) out.push(...fragments(r, make, texts));
    else if (kind < 10) add({ opcode: 9, payload: r.bytes(r.pick([0, 1, 20, 125])) });
    else if (kind < 11) add({ opcode: 10, payload: Buffer.from(r.pick(['', 'x', 'abc', '__proto__', 'constructor'])) });
    else if (kind < 13) add({ opcode: 8, payload: closePayload(r) }, true);
    else if (kind < 14) add({ payload: r.pick(BAD_UTF8) }, true);
    else if (kind < 17) {
      const command = r.pick(COMMANDS);
      closing ||= /^!(close|end)/.test(command);
      add({ payload: Buffer.from(command) });
    } else if (kind < 18) add({ payload: Buffer.from('long form'), form: r.pick([16, 64]) });
    else out.push({ bytes: violation(r, make, masked, closing), fatal: true });
  }
  return out;
}

// A message in two frames, perhaps with a ping or an intruder between them, perhaps invalid across the cut.
function fragments(r, make, texts) {
  const bad = r.chance(0.25);
  const body = bad ? Buffer.concat([Buffer.from('ok'), r.pick(BAD_UTF8)]) : Buffer.from(r.pick(texts));
  const cut = r.int(body.length + 1);
  const out = [make({ fin: false, opcode: bad ? 1 : r.pick([1, 1, 2]), payload: body.subarray(0, cut) })];
  // Invalid UTF-8 is reported at its first byte, by the original at the end of the message: nothing may come between.
  if (!bad && r.chance(0.5)) out.push(make({ opcode: 9, payload: Buffer.from('mid') }));
  const intruder = !bad && r.chance(0.2);
  if (intruder) out.push(make({ opcode: 1, payload: Buffer.from('intruder') }));
  if (bad || r.chance(0.9)) out.push(make({ opcode: 0, payload: body.subarray(cut) }));
  // One piece for a fatal group, so that nothing is in flight when the other side closes.
  return bad || intruder ? [{ bytes: Buffer.concat(out), fatal: true }] : out.map((bytes) => ({ bytes, fatal: false }));
}

/** What a peer of drafts 75 and 76 sends after the handshake. */
function draftFrames(r, texts) {
  const text = (body) => Buffer.concat([Buffer.from([0]), Buffer.from(body), Buffer.from([0xff])]);
  const out = [];
  for (let left = 1 + r.int(5); left > 0; left--) {
    const kind = r.int(10);
    if (kind < 4) out.push(text(r.pick(texts)));
    else if (kind < 6) out.push(text(r.pick(COMMANDS)));
    else if (kind < 7) out.push(Buffer.concat([Buffer.from([0x80, 5]), Buffer.from('hello')])); // length-prefixed: skipped
    else if (kind < 8) out.push(Buffer.from([0xff, 0x00])); // draft 76's closing handshake
    else if (kind < 9) out.push(Buffer.concat([Buffer.from([r.int(128)]), Buffer.from('lead'), Buffer.from([0xff])]));
    else out.push(r.bytes(1 + r.int(20)));
  }
  return out;
}

/** The frames in some bytes, unmasked and described, so that random masking keys compare equal. */
function readFrames(bytes) {
  const out = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    let length = bytes[at + 1] & 127;
    let next = at + 2;
    const extended = length === 126 ? 2 : length === 127 ? 8 : 0;
    const masked = bytes[at + 1] > 127;
    if (next + extended + (masked ? 4 : 0) > bytes.length) break;
    if (extended === 2) length = bytes.readUInt16BE(next);
    if (extended === 8) length = Number(bytes.readBigUInt64BE(next));
    next += extended;
    const key = masked ? bytes.subarray(next, next + 4) : Buffer.alloc(4);
    next += masked ? 4 : 0;
    if (next + length > bytes.length) break;
    const payload = bytes.subarray(next, next + length).map((byte, i) => byte ^ key[i & 3]);
    out.push({ opcode: bytes[at] & 15, shown: `${bytes[at].toString(16)} ${masked ? 'masked' : 'plain'} ${length} (${extended}) ${payload.toString('hex')}` });
    at = next + length;
  }
  const rest = bytes.subarray(at);
  return { frames: out, rest };
}

module.exports = { draftFrames, hybiFrames, readFrames };
