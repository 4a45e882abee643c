'use strict';

// Frames in and out: lengths, fragments, text, control frames, and every
// violation with its code and text.
//
// Held here against the original: B15 (invalid text in huge messages), B16/D12
// (invalid text reported at its first byte), B21 (over-long pings), D14 (masked
// frames from a server).

const assert = require('node:assert');

const { it, differs } = require('../support/spec');
const { openServer, openClient } = require('../support/sides');
const { record, next, until } = require('../support/record');
const { CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG, frame, masked, closePayload } = require('../support/frames');
const { sameBytes } = require('../support/bytes');

const SIDES = [
  ['server', openServer, masked],
  ['client', openClient, frame]
];

const LENGTHS = [0, 1, 125, 126, 127, 65535, 65536, 70000];

/** Writes bytes whole or drop by drop. */
const WAYS = [
  ['in one chunk', (peer, bytes) => peer.write(bytes)],
  ['byte by byte', (peer, bytes) => peer.drip(bytes)]
];

for (const [side, open, out] of SIDES) {
  it(`${side}: receives text and binary of every length class`, async (t) => {
    const { ws, peer } = await open(t);
    for (const length of LENGTHS) {
      const text = next(ws, 'message');
      peer.write(out(TEXT, 'x'.repeat(length)));
      assert.strictEqual((await text).data, 'x'.repeat(length));
      const binary = next(ws, 'message');
      peer.write(out(BINARY, Buffer.alloc(length, 7)));
      sameBytes((await binary).data, Buffer.alloc(length, 7));
    }
  });

  it(`${side}: sends text and binary of every length class, in the shortest form`, async (t) => {
    const { ws, peer } = await open(t);
    const client = side === 'client';
    for (const length of LENGTHS) {
      assert.strictEqual(ws.send(Buffer.alloc(length, 7)), true);
      const sent = await peer.frame();
      assert.deepStrictEqual([sent.opcode, sent.fin, sent.rsv], [BINARY, true, 0]);
      sameBytes(sent.payload, Buffer.alloc(length, 7));
      const head = length < 126 ? 2 : length < 65536 ? 4 : 10;
      assert.strictEqual(sent.size, head + (client ? 4 : 0) + length);
      assert.strictEqual(sent.mask !== null, client);
      ws.send('y'.repeat(length));
      sameBytes((await peer.frame()).payload, Buffer.alloc(length, 'y'));
    }
  });

  it(`${side}: accepts lengths encoded longer than needed`, async (t) => {
    const { ws, peer } = await open(t);
    const log = record(ws);
    for (const form of [16, 64]) peer.write(out(TEXT, 'tiny', { form }));
    await until(() => log.length === 2);
    assert.deepStrictEqual(log, [
      ['message', 'tiny'],
      ['message', 'tiny']
    ]);
  });

  for (const [way, write] of WAYS) {
    it(`${side}: joins fragments with control frames between them, ${way}`, async (t) => {
      const { ws, peer } = await open(t);
      const log = record(ws);
      const bytes = Buffer.concat([
        out(TEXT, 'He', { fin: false }),
        out(PING, 'between'),
        out(CONTINUATION, '', { fin: false }),
        out(PONG, 'nobody asked'),
        out(CONTINUATION, 'llo'),
        out(BINARY, Buffer.from([1]), { fin: false }),
        out(CONTINUATION, Buffer.from([2]))
      ]);
      await write(peer, bytes);
      const pong = await peer.frame();
      assert.deepStrictEqual([pong.opcode, pong.payload.toString()], [PONG, 'between']);
      await until(() => log.length === 2);
      assert.deepStrictEqual(log, [
        ['message', 'Hello'],
        ['message', Buffer.from([1, 2])]
      ]);
    });

    it(`${side}: text split inside its characters, ${way}`, async (t) => {
      const { ws, peer } = await open(t);
      const text = 'añ€\u{1f600}\ufeff\u0000\uffff';
      const bytes = Buffer.from(text);
      for (let at = 1; at < bytes.length; at += 2) {
        const message = next(ws, 'message');
        await write(
          peer,
          Buffer.concat([out(TEXT, bytes.subarray(0, at), { fin: false }), out(CONTINUATION, bytes.subarray(at))])
        );
        assert.strictEqual((await message).data, text);
      }
    });
  }

  it(`${side}: answers a ping with its payload, and an empty one with none`, async (t) => {
    const { peer } = await open(t);
    for (const payload of ['', 'p', 'x'.repeat(125)]) {
      peer.write(out(PING, payload));
      const pong = await peer.frame();
      assert.deepStrictEqual([pong.opcode, pong.payload.toString(), pong.fin], [PONG, payload, true]);
    }
  });

  it(`${side}: ping callbacks run once, without arguments, for an equal payload`, async (t) => {
    const { ws, peer } = await open(t);
    const log = [];
    const note = (name) => (...args) => log.push([name, args.length]);
    assert.strictEqual(ws.ping('a', note('a')), true);
    ws.ping('b', note('replaced'));
    ws.ping('b', note('b'));
    ws.ping(null, note('empty'));
    ws.ping('ü', note('ü'));
    const payloads = [];
    for (let i = 0; i < 5; i++) payloads.push((await peer.frame()).payload.toString());
    assert.deepStrictEqual(payloads, ['a', 'b', 'b', '', 'ü']);
    for (const payload of ['zzz', 'b', 'a', 'a', '', 'ü']) peer.write(out(PONG, payload));
    peer.write(out(TEXT, 'done'));
    await next(ws, 'message');
    assert.deepStrictEqual(log, [
      ['b', 0],
      ['a', 0],
      ['empty', 0],
      ['ü', 0]
    ]);
  });

  it(`${side}: ping payloads of other types`, async (t) => {
    const { ws, peer } = await open(t);
    ws.ping();
    ws.ping(0);
    ws.ping(42);
    ws.ping(Buffer.from([9, 8]));
    const got = [];
    for (let i = 0; i < 4; i++) got.push((await peer.frame()).payload.toString('latin1'));
    assert.deepStrictEqual(got, ['', '', '42', '\x09\x08']);
  });

  differs('B21', `${side}: a ping too long for a control frame is not sent`, async (t) => {
    const { ws, peer } = await open(t);
    assert.strictEqual(ws.ping('x'.repeat(126)), false);
    assert.strictEqual(ws.ping('é'.repeat(63)), false);
    assert.strictEqual(ws.ping('x'.repeat(125)), true);
    assert.strictEqual((await peer.frame()).payload.length, 125);
  });

  it(`${side}: sends what String() makes of anything but a Buffer`, async (t) => {
    const { ws, peer } = await open(t);
    const cases = [
      [13, '13'],
      [true, 'true'],
      [null, 'null'],
      [undefined, 'undefined'],
      [[13, 14, 15], '13,14,15'],
      [{}, '[object Object]'],
      [10n, '10'],
      [Symbol('x'), 'Symbol(x)'],
      [new Uint8Array([1, 2, 3]), '1,2,3'],
      [new ArrayBuffer(2), '[object ArrayBuffer]'],
      [{ toString: () => 'own' }, 'own'],
      ['\ud800x', '\ufffdx'],
      ['x\udc00', 'x\ufffd'],
      ['ÿ', 'ÿ'],
      ['\u{1f600}', '\u{1f600}'],
      ['', '']
    ];
    for (const [value, text] of cases) {
      assert.strictEqual(ws.send(value), true);
      const { opcode, payload } = await peer.frame();
      assert.deepStrictEqual([opcode, payload.toString()], [TEXT, text]);
    }
    ws.send();
    assert.strictEqual((await peer.frame()).payload.toString(), 'undefined');
  });

  // Every violation: the frames, the code, the text.
  const RSV = (...bits) =>
    `One or more reserved bits are on: reserved1 = ${bits[0]}, reserved2 = ${bits[1]}, reserved3 = ${bits[2]}`;
  const VIOLATIONS = [
    ['rsv1', [out(TEXT, 'x', { rsv: 4 })], 1002, RSV(1, 0, 0)],
    ['rsv2', [out(TEXT, 'x', { rsv: 2 })], 1002, RSV(0, 1, 0)],
    ['rsv3', [out(PING, 'x', { rsv: 1 })], 1002, RSV(0, 0, 1)],
    ['all rsv', [out(BINARY, 'x', { rsv: 7 })], 1002, RSV(1, 1, 1)],
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [
      `opcode ${opcode}`,
      [out(opcode, 'x')],
      1002,
      `Unrecognized frame opcode: ${opcode}`
    ]),
    ...[CLOSE, PING, PONG].map((opcode) => [
      `fragmented control ${opcode}`,
      [out(opcode, 'x', { fin: false })],
      1002,
      `Received fragmented control frame: opcode = ${opcode}`
    ]),
    [
      'a long ping',
      [out(PING, 'x'.repeat(126))],
      1002,
      'Received control frame having too long payload: 126'
    ],
    [
      'a very long pong',
      [out(PONG, 'x'.repeat(70000))],
      1002,
      'Received control frame having too long payload: 70000'
    ],
    [
      'a new message inside another',
      [out(TEXT, 'x', { fin: false }), out(TEXT, 'y')],
      1002,
      'Received new data frame but previous continuous frame is unfinished'
    ],
    ['a continuation of nothing', [out(CONTINUATION, 'x')], 1002, 'Received unexpected continuation frame'],
    ['bad text', [out(TEXT, Buffer.from([0x61, 0xff]))], 1007, 'Could not decode a text frame as UTF-8'],
    ['overlong text', [out(TEXT, Buffer.from('c080', 'hex'))], 1007, 'Could not decode a text frame as UTF-8'],
    ['a surrogate in text', [out(TEXT, Buffer.from('eda080', 'hex'))], 1007, 'Could not decode a text frame as UTF-8'],
    ['beyond Unicode', [out(TEXT, Buffer.from('f4908080', 'hex'))], 1007, 'Could not decode a text frame as UTF-8'],
    ['cut off text', [out(TEXT, Buffer.from('e282', 'hex'))], 1007, 'Could not decode a text frame as UTF-8'],
    [
      'bad text across fragments',
      [out(TEXT, Buffer.from('e2', 'hex'), { fin: false }), out(CONTINUATION, Buffer.from('41', 'hex'))],
      1007,
      'Could not decode a text frame as UTF-8'
    ]
  ];
  if (side === 'server') {
    for (const length of [1, 200, 70000]) {
      VIOLATIONS.push([
        `an unmasked frame of ${length}`,
        [frame(TEXT, 'x'.repeat(length))],
        1003,
        'Received unmasked frame but masking is required'
      ]);
    }
  }
  for (const [way, write] of WAYS) {
    it(`${side}: the table of violations, ${way}`, { timeout: 60000 }, async (t) => {
      for (const [name, frames, code, text] of VIOLATIONS) {
        const { ws, peer } = await open(t);
        const log = record(ws);
        // What follows a violation is ignored.
        await write(peer, Buffer.concat([...frames, out(TEXT, 'ignored')]));
        const answer = await peer.frame();
        assert.deepStrictEqual([answer.opcode, answer.payload], [CLOSE, closePayload(code, text)], name);
        await until(() => log.length === 3);
        assert.deepStrictEqual(log, [['error', text], ['end'], ['close', code, text]], name);
        peer.destroy();
      }
    });
  }

  it(`${side}: maxLength is the most a message may have, over all its fragments`, async (t) => {
    const settings = { maxLength: 100 };
    const TOO_LARGE = [['error', 'WebSocket frame length too large'], ['end'], ['close', 1009, 'WebSocket frame length too large']];
    const exact = await open(t, { settings });
    const log = record(exact.ws);
    exact.peer.write(out(BINARY, Buffer.alloc(100)));
    exact.peer.write(Buffer.concat([out(TEXT, 'x'.repeat(60), { fin: false }), out(CONTINUATION, 'x'.repeat(40))]));
    await until(() => log.length === 2);

    for (const bytes of [
      out(BINARY, Buffer.alloc(101)),
      out(BINARY, Buffer.alloc(101)).subarray(0, side === 'server' ? 2 : 2),
      Buffer.concat([out(TEXT, 'x'.repeat(60), { fin: false }), out(CONTINUATION, 'x'.repeat(41))]),
      out(BINARY, '', { length: 70000 }),
      out(BINARY, '', { length: 2n ** 32n }),
      out(BINARY, '', { length: 2n ** 53n }),
      out(BINARY, '', { length: 2n ** 63n })
    ]) {
      const { ws, peer } = await open(t, { settings });
      const events = record(ws);
      peer.write(bytes);
      await until(() => events.length === 3);
      assert.deepStrictEqual(events, TOO_LARGE);
      assert.deepStrictEqual((await peer.frame()).payload, closePayload(1009, 'WebSocket frame length too large'));
    }
  });

  it(`${side}: the default limit is 67108863 bytes, by the header alone`, async (t) => {
    const { ws, peer } = await open(t);
    peer.write(out(BINARY, '', { length: 67108864 }).subarray(0, 10));
    const event = await next(ws, 'close');
    assert.deepStrictEqual([event.code, event.reason], [1009, 'WebSocket frame length too large']);
    const other = await open(t);
    other.peer.write(out(BINARY, '', { length: 67108863 }));
    other.peer.write(Buffer.alloc(1000));
    let closed = false;
    other.ws.on('close', () => (closed = true));
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.strictEqual(closed, false);
  });

  it(`${side}: text of four megabytes, in characters of three bytes`, async (t) => {
    const { ws, peer } = await open(t);
    const text = '€'.repeat(1400000);
    const message = next(ws, 'message');
    peer.write(out(TEXT, text));
    assert.ok((await message).data === text);
  });

  differs('B15', `${side}: invalid text at the end of eight megabytes is found`, async (t) => {
    const { ws, peer } = await open(t);
    const bytes = Buffer.alloc(8 << 20, 'a');
    bytes[bytes.length - 1] = 0xff;
    peer.write(out(TEXT, bytes));
    assert.strictEqual((await next(ws, 'close')).code, 1007);
  });

  differs('D12', `${side}: invalid text fails at its first byte, before the message is complete`, async (t) => {
    for (const bytes of [
      out(TEXT, Buffer.from([0x61, 0xff]), { fin: false }),
      out(TEXT, Buffer.alloc(1000, 0xff)).subarray(0, 20)
    ]) {
      const { ws, peer } = await open(t);
      peer.write(bytes);
      assert.strictEqual((await next(ws, 'close')).code, 1007);
    }
  });
}

it('server: the bytes of its frames', async (t) => {
  const { ws, peer } = await openServer(t);
  for (const [send, hex] of [
    [() => ws.send('Hi'), '81024869'],
    [() => ws.send(Buffer.from([1, 2, 3])), '8203010203'],
    [() => ws.ping('p'), '890170'],
    [() => ws.send('x'.repeat(200)), '817e00c8' + '78'.repeat(200)],
    [() => ws.close(3000, 'x'), '88030bb878']
  ]) {
    send();
    assert.strictEqual((await peer.read(hex.length / 2)).toString('hex'), hex);
  }
});

it('client: every frame is masked with a key of its own, an empty one too', async (t) => {
  const { ws, peer } = await openClient(t);
  const keys = new Set();
  for (let i = 0; i < 50; i++) {
    ws.send('');
    keys.add((await peer.frame()).mask.toString('hex'));
  }
  assert.ok(keys.size >= 49, `only ${keys.size} keys`);
});

it('client: accepts unmasked frames, as every server sends them', async (t) => {
  const { ws, peer } = await openClient(t);
  peer.write(frame(TEXT, 'plain'));
  assert.strictEqual((await next(ws, 'message')).data, 'plain');
});

differs('D14', 'client: fails on a masked frame', async (t) => {
  const { ws, peer } = await openClient(t);
  const log = record(ws);
  peer.write(masked(TEXT, 'masked'));
  await next(ws, 'close');
  assert.strictEqual(log[0][0], 'error');
  assert.strictEqual(log[log.length - 1][1], 1002);
});

it('automatic pings count up', async (t) => {
  for (const open of [openServer, openClient]) {
    const { peer } = await open(t, { settings: { ping: 0.02 } });
    for (const expected of ['1', '2', '3']) {
      const { opcode, payload } = await peer.frame();
      assert.deepStrictEqual([opcode, payload.toString()], [PING, expected]);
    }
  }
});
