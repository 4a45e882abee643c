'use strict';

// Frames that no peer may send: one or two of them are enough.

const { CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG, closePayload, frame, masked } = require('../../support/frames');
const { PATIENCE } = require('../stage');
const { result, onOpen } = require('./cases');

const MB = 1 << 20;
const LARGE = 'WebSocket frame length too large';
const UTF8 = 'Could not decode a text frame as UTF-8';

const BAD_TEXT = ['c080', 'e08080', 'f0808080', 'eda080', 'edbfbf', 'f4908080', 'f8', 'ff', '80', 'c1bf'];

const fragmented = (out, chunks) => chunks.map((chunk, i) => (
  out(i === 0 ? TEXT : CONTINUATION, chunk, { fin: i === chunks.length - 1 })
));

/** Every way to cut some bytes in two. */
function cuts(bytes) {
  return Array.from({ length: bytes.length - 1 }, (_, i) => [bytes.subarray(0, i + 1), bytes.subarray(i + 1)]);
}

module.exports = [
  {
    row: '3',
    title: 'pongs named like what every object has',
    ids: ['websocket-driver 0.7.5 (no id)', 'ws 3.3.1'],
    async play(stage) {
      const side = await stage.open();
      await side.call('ping', ['__proto__', 'a callback']);
      for (const name of ['hasOwnProperty', '__proto__', 'constructor', '__defineGetter__', 'toString', '']) {
        await side.send(side.out(PONG, name));
      }
      await side.send(side.out(PONG, Buffer.from([0xff, 0xfe])));
      const verdict = await side.verdict(true);
      await side.find('called', stage.subject.packageName === 'ws' ? 200 : PATIENCE);
      const calls = side.events.filter(([type]) => type === 'called').length;
      // ws has no such callback: its own runs when the ping has been written.
      return [result('pongs', verdict, 'open'), ...(stage.subject.packageName === 'ws' ? [] : [result('a callback', `${calls} calls`, '1 calls')])];
    },
  },
  {
    row: '9',
    title: '8 MiB of text whose last byte is bad',
    ways: ['whole'],
    async play(stage) {
      const bytes = Buffer.alloc(8 * MB, 'a');
      bytes[bytes.length - 1] = 0xff;
      return onOpen(stage, [['8 MiB', (out) => [out(TEXT, bytes)], '1007', UTF8]]);
    },
  },
  {
    row: '10',
    title: 'bad UTF-8: overlong, surrogates, above U+10FFFF, stray',
    play: (stage) => onOpen(stage, BAD_TEXT.map((hex) => [
      hex, (out) => [out(TEXT, Buffer.from(`61${hex}`, 'hex'))], '1007', UTF8,
    ])),
  },
  {
    row: '10',
    title: 'bad UTF-8 cut anywhere into fragments that never end',
    play: (stage) => onOpen(stage, ['c0', 'e080', 'f080', 'eda0', 'f490', 'ff', '80'].flatMap((hex) => (
      cuts(Buffer.from(`e282ac${hex}`, 'hex')).map(([first, second], i) => [
        `${hex} cut at ${i + 1}`,
        (out) => [out(TEXT, first, { fin: false }), out(CONTINUATION, second, { fin: false })],
        '1007',
      ])
    ))),
  },
  {
    row: '10',
    title: 'good UTF-8 cut anywhere',
    async play(stage) {
      const text = 'é€😀\u{10ffff}';
      const results = [];
      for (const [first, second] of cuts(Buffer.from(text))) {
        const side = await stage.open();
        await side.send(Buffer.concat(fragmented(side.out, [first, second])));
        await side.message(0);
        const [message] = side.messages;
        results.push(result(`cut at ${first.length}`, message && message.start === text ? 'delivered' : 'lost', 'delivered'));
        side.leave();
      }
      return results;
    },
  },
  {
    row: '11',
    title: 'lengths of 2^63, 2^64-1, 2^53, 2^32, one over the limit',
    ids: ['CVE-2026-1528', 'CVE-2026-27889'],
    play: (stage) => onOpen(stage, [
      ...[2n ** 63n, 2n ** 53n, 2n ** 32n, 67108864n].map((length) => [
        `${length}`, (out) => [out(BINARY, '', { length, form: 64 })], '1009', LARGE,
      ]),
      ['2^64-1', (out) => [out(TEXT, '', { length: 2n ** 64n - 1n, form: 64 })], '1009', LARGE],
      ['2^63 in a continuation', (out) => [
        out(TEXT, 'x', { fin: false }), out(CONTINUATION, '', { length: 2n ** 63n, form: 64 }),
      ], '1009', LARGE],
    ]),
  },
  {
    row: '11',
    title: 'a limit that fragments pass together',
    ids: ['CVE-2026-12151'],
    play: (stage) => onOpen(stage, [
      ['600 and 401 bytes', (out) => fragmented(out, ['x'.repeat(600), 'x'.repeat(401)]), '1009', LARGE],
    ], { settings: { maxLength: 1000 } }),
  },
  {
    row: '11',
    title: 'lengths in more bytes than needed',
    async play(stage) {
      const side = await stage.open();
      await side.send(Buffer.concat([side.out(TEXT, 'sixteen', { form: 16 }), side.out(TEXT, 'sixty-four', { form: 64 })]));
      await side.message(1);
      return [result('16 and 64 bits', side.messages.map(({ start }) => start).join(' ') || await side.verdict(), 'sixteen sixty-four')];
    },
  },
  {
    row: '14',
    title: 'an unmasked frame of a client',
    roles: ['server'],
    play: (stage) => onOpen(stage, [
      ['text', () => [frame(TEXT, 'x')], '1003', 'Received unmasked frame but masking is required'],
      ['a ping', () => [frame(PING, 'x')], '1003', 'Received unmasked frame but masking is required'],
    ]),
  },
  {
    row: '15',
    title: 'a masked frame of a server',
    roles: ['client'],
    play: (stage) => onOpen(stage, [['text', () => [masked(TEXT, 'x')], '1002'], ['a ping', () => [masked(PING, 'x')], '1002']]),
  },
  {
    row: '16',
    title: 'reserved bits, unknown opcodes',
    play: (stage) => onOpen(stage, [
      ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [`opcode ${opcode}`, (out) => [out(opcode, '')], '1002', /Unrecognized/]),
      ...[1, 2, 3, 4, 5, 6, 7].map((rsv) => [`bits ${rsv}`, (out) => [out(TEXT, 'x', { rsv })], '1002', /reserved bits/]),
    ]),
  },
  {
    row: '16',
    title: 'control frames in fragments or too long, data out of place',
    play: (stage) => onOpen(stage, [
      ['a ping of 2^40', (out) => [out(PING, '', { length: 2n ** 40n, form: 64 })], '1002', /too long payload/],
      ['a pong of 126 bytes', (out) => [out(PONG, 'x'.repeat(126))], '1002', /too long payload: 126/],
      ['a close of 126 bytes', (out) => [out(CLOSE, 'x'.repeat(126))], '1002', /too long payload: 126/],
      ['a fragmented ping', (out) => [out(PING, 'x', { fin: false })], '1002', /fragmented control/],
      ['a fragmented close', (out) => [out(CLOSE, '', { fin: false })], '1002', /fragmented control/],
      ['a lone continuation', (out) => [out(CONTINUATION, 'x')], '1002', /unexpected continuation/],
      ['text inside text', (out) => [out(TEXT, 'x', { fin: false }), out(TEXT, 'y')], '1002', /previous continuous frame/],
      ['binary inside text', (out) => [out(TEXT, 'x', { fin: false }), out(BINARY, 'y')], '1002', /previous continuous frame/],
    ]),
  },
  {
    row: '17',
    title: 'closes of one byte, with codes or reasons that may not be sent',
    play: (stage) => onOpen(stage, [
      ['one byte', (out) => [out(CLOSE, 'x')], '1002', ''],
      ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535].map((code) => [
        `${code}`, (out) => [out(CLOSE, closePayload(code, 'x'))], '1002', 'x',
      ]),
      ['bad text', (out) => [out(CLOSE, closePayload(1000, Buffer.from([0xff])))], '1002', ''],
    ]),
  },
  {
    row: '17',
    title: 'close codes registered later',
    play: (stage) => onOpen(stage, [1012, 1013, 1014].map((code) => [
      `${code}`, (out) => [out(CLOSE, closePayload(code, 'x'))], `${code}`, 'x',
    ])),
  },
];
