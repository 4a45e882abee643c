'use strict';

// Hostile peers and careless callers, once the connection is open. Each entry of the table goes to a server
// and, where it makes sense, to a client of ours, over raw TCP, in one chunk
// and byte by byte. What must come of it is a refusal by the book, and a
// process that is up and well afterwards.
//
// Held here against the original: fragment counts (D15), inflated sizes
// (D16), early and complete text validation (D12, B15), what is skipped while
// closing (B45), masked frames from servers (D14), drafts 75 and 76 (D1).

const assert = require('node:assert');
const zlib = require('node:zlib');

const { it, differs } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { httpServer, openServer, openClient } = require('./support/sides');
const { record, next, until } = require('./support/record');
const { RawPeer } = require('./support/raw_peer');
const { CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG, frame, masked, closePayload } = require('./support/frames');
const { WAYS, alive, end } = require('./support/hostility');
const { compress } = require('./support/compression');
const { HIXIE76, request, request75, request76 } = require('./support/handshakes');

const MB = 1 << 20;

const SIDES = [
  ['server', openServer, masked],
  ['client', openClient, frame]
];
// Rows 10, 11, 14, 16, 17: what a single bad frame or two bring.
const LARGE = 'WebSocket frame length too large';
const UTF8 = 'Could not decode a text frame as UTF-8';
const TEXT_CUTS = [];
for (const hex of ['c080', 'e08080', 'f0808080', 'eda080', 'edbfbf', 'f4908080', 'f8', 'ff', '80', 'c1bf']) {
  TEXT_CUTS.push([`bad text ${hex}`, (out) => [out(TEXT, Buffer.from(`61${hex}`, 'hex'))], 1007, UTF8]);
}
const BAD_FRAMES = [
  ...[2n ** 63n, 2n ** 53n, 2n ** 32n, 67108864n].map((length) => [
    `a length of ${length}`,
    (out) => [out(BINARY, '', { length, form: 64 })],
    1009,
    LARGE
  ]),
  ['a length of 2^64-1', (out) => [out(TEXT, '', { length: 2n ** 64n - 1n, form: 64 })], 1009, LARGE],
  ['a long control frame', (out) => [out(PING, '', { length: 2n ** 40n, form: 64 })], 1002, /too long payload/],
  ['a close of 126 bytes', (out) => [out(CLOSE, 'x'.repeat(126))], 1002, /too long payload: 126/],
  ['a fragmented ping', (out) => [out(PING, 'x', { fin: false })], 1002, /fragmented control/],
  ['a lone continuation', (out) => [out(CONTINUATION, 'x')], 1002, /unexpected continuation/],
  ['text inside text', (out) => [out(TEXT, 'x', { fin: false }), out(TEXT, 'y')], 1002, /previous continuous frame/],
  ...[3, 7, 11, 15].map((opcode) => [`opcode ${opcode}`, (out) => [out(opcode, '')], 1002, /Unrecognized/]),
  ...[1, 2, 4, 7].map((rsv) => [`reserved bits ${rsv}`, (out) => [out(TEXT, 'x', { rsv })], 1002, /reserved bits/]),
  ...TEXT_CUTS,
  ['a close of one byte', (out) => [out(CLOSE, 'x')], 1002, ''],
  ...[999, 1004, 1005, 1006, 1015, 5000].map((code) => [
    `close code ${code}`,
    (out) => [out(CLOSE, closePayload(code, 'x'))],
    1002,
    'x'
  ]),
  ['a close with bad text', (out) => [out(CLOSE, closePayload(1000, Buffer.from([0xff])))], 1002, '']
];

for (const [side, open, out] of SIDES) {
  for (const [way, write] of WAYS) {
    it(`${side}: frames that no peer may send, ${way}`, { timeout: 60000 }, async (t) => {
      for (const [name, make, code, text] of BAD_FRAMES) {
        const { ws, peer } = await open(t);
        const ended = end(ws);
        await write(peer, Buffer.concat(make(out)));
        const got = await ended;
        assert.strictEqual(got.code, code, name);
        if (text instanceof RegExp) assert.match(got.reason, text, name);
        else assert.strictEqual(got.reason, text, name);
        peer.destroy();
      }
      await alive(t);
    });
  }

  // Row 3.
  it(`${side}: pongs named like what every object has`, async (t) => {
    const { ws, peer } = await open(t);
    let called = 0;
    ws.ping('__proto__', () => called++);
    for (const name of ['hasOwnProperty', '__proto__', 'constructor', '__defineGetter__', 'toString', '']) {
      peer.write(out(PONG, name));
    }
    peer.write(out(PONG, Buffer.from([0xff, 0xfe])));
    const message = next(ws, 'message');
    peer.write(out(TEXT, 'after'));
    assert.strictEqual((await message).data, 'after');
    assert.strictEqual(called, 1);
  });

  // Rows 4, 5, 6.
  for (const size of [0, 1]) {
    differs('D15', `${side}: the 131,073rd fragment of ${size} bytes is one too many`, { timeout: 60000 }, async (t) => {
      const { ws, peer } = await open(t);
      const ended = end(ws);
      const payload = 'x'.repeat(size);
      const part = Buffer.concat(Array.from({ length: 1024 }, () => out(CONTINUATION, payload, { fin: false })));
      peer.write(out(TEXT, payload, { fin: false }));
      for (let i = 0; i < 127; i++) peer.write(part);
      const almost = Buffer.concat(Array.from({ length: 1023 }, () => out(CONTINUATION, payload, { fin: false })));
      peer.write(almost);
      peer.write(out(PING, 'still here'));
      assert.strictEqual((await peer.frame()).payload.toString(), 'still here');
      peer.write(out(CONTINUATION, payload, { fin: false }));
      const { code, reason } = await ended;
      assert.deepStrictEqual([code, reason], [1008, 'Too many message fragments']);
    });
  }

  differs('D15', `${side}: 131,000 fragments of one byte cost little memory`, { timeout: 60000 }, async (t) => {
    const { ws, peer } = await open(t);
    const part = Buffer.concat(Array.from({ length: 1000 }, () => out(CONTINUATION, 'x', { fin: false })));
    peer.write(out(TEXT, 'x', { fin: false }));
    const before = held();
    for (let i = 0; i < 130; i++) peer.write(part);
    peer.write(out(PING, 'done'));
    await peer.frame();
    const after = held();
    assert.ok(after - before < 8 * MB, `${Math.round((after - before) / 1024)} KiB`);
    assert.strictEqual(ws.readyState, 1);
  });

  // Row 9.
  differs('B15', `${side}: eight megabytes of text whose last byte is bad`, { timeout: 60000 }, async (t) => {
    const { ws, peer } = await open(t);
    const ended = end(ws);
    const bytes = Buffer.alloc(8 * MB, 'a');
    bytes[bytes.length - 1] = 0xff;
    peer.write(out(TEXT, bytes));
    assert.deepStrictEqual(await ended, { code: 1007, reason: UTF8, error: UTF8 });
  });

  // Row 10.
  differs('D12', `${side}: bad text is refused at its first bad byte, wherever it is cut`, async (t) => {
    for (const hex of ['c0', 'e080', 'f080', 'eda0', 'f490', 'ff', '80']) {
      const bytes = Buffer.from(`e282ac${hex}`, 'hex');
      for (let cut = 1; cut < bytes.length; cut++) {
        const { ws, peer } = await open(t);
        const ended = end(ws);
        peer.write(out(TEXT, bytes.subarray(0, cut), { fin: false }));
        peer.write(out(CONTINUATION, bytes.subarray(cut), { fin: false }));
        assert.strictEqual((await ended).code, 1007, `${hex} cut at ${cut}`);
        peer.destroy();
      }
    }
  });

  // Row 12.
  it(`${side}: announced megabytes are not allocated before they come`, { timeout: 60000 }, async (t) => {
    const before = held();
    for (let i = 0; i < 50; i++) {
      const { peer } = await open(t);
      peer.write(out(BINARY, '0123456789', { length: 63 * MB, form: 64 }));
    }
    await alive(t);
    assert.ok(held() - before < 100 * MB, `${(held() - before) / MB} MiB`);
  });

  // Row 13.
  differs('D7', `${side}: a flood of pings from a peer that does not read`, { timeout: 60000 }, async (t) => {
    const { ws, peer } = await open(t);
    peer.socket.pause();
    let got = 0;
    ws.on('message', () => got++);
    const flood = Buffer.concat(Array.from({ length: 400 }, () => out(PING, 'x'.repeat(125))));
    const before = held();
    // 50 MB of pings, every one of which asks for a pong.
    for (let i = 0; i < 1000; i++) {
      peer.write(flood);
      await until(() => !peer.socket.writableNeedDrain || peer.closed);
    }
    peer.write(out(TEXT, 'the end'));
    await until(() => got === 1);
    assert.ok(held() - before < 40 * MB, `${(held() - before) / MB} MiB`);
    assert.ok(ws._stream.writableLength === undefined || ws._stream.writableLength < 10 * MB);
  });

  // Row 23.
  it(`${side}: connections that end in the middle of a frame`, async (t) => {
    const whole = out(TEXT, 'never complete '.repeat(20));
    for (const leave of ['end', 'destroy', 'reset']) {
      for (const cut of [1, 2, 3, 6, 50]) {
        const { ws, peer } = await open(t);
        const ended = end(ws);
        peer.write(whole.subarray(0, cut));
        await new Promise((resolve) => setImmediate(resolve));
        peer[leave]();
        assert.strictEqual((await ended).code, 1006);
      }
    }
    await alive(t);
  });

  // B45.
  differs('B45', `${side}: 64 GB announced while closing are skipped, not kept`, { timeout: 60000 }, async (t) => {
    const { ws, peer } = await open(t, { settings: { maxLength: 1000 } });
    ws.close();
    await peer.frame();
    const before = held();
    peer.write(out(BINARY, '', { length: 64n * 2n ** 30n, form: 64 }));
    const chunk = Buffer.alloc(MB);
    for (let i = 0; i < 200; i++) {
      peer.write(chunk);
      await until(() => !peer.socket.writableNeedDrain || peer.closed);
    }
    // Chunks that nobody holds may still wait for the garbage collector.
    assert.ok(held() - before < 100 * MB, `${(held() - before) / MB} MiB`);
    peer.destroy();
  });

  // Row 30.
  it(`${side}: careless arguments`, async (t) => {
    const { ws, peer } = await open(t);
    const detached = new ArrayBuffer(8);
    structuredClone(detached, { transfer: [detached] });
    for (const value of [detached, new SharedArrayBuffer(4), new Float32Array(2), Object(1n), new Proxy([], {})]) {
      assert.strictEqual(ws.send(value), true);
      const { opcode, payload } = await peer.frame();
      assert.deepStrictEqual([opcode, payload.toString()], [TEXT, String(value)]);
    }
    assert.throws(() => ws.send({ toString: null, valueOf: null }), TypeError);
    assert.throws(
      () =>
        ws.send({
          toString() {
            throw new Error('mine');
          }
        }),
      { message: 'mine' }
    );
    ws.send('fine');
    assert.strictEqual((await peer.frame()).payload.toString(), 'fine');
  });
}

/** Bytes held by the process for data, after a collection where that can be asked for. */
function held() {
  if (global.gc) global.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

// Rows 1, 2: the drafts.
for (const [way, write] of WAYS) {
  differs('D1', `server: draft 76 keys that overflow, ${way}`, async (t) => {
    for (const key of ['99999999999999999999 9', '4294967296 0 ', '1 2 3 4 5 6 7 8 9 9 9 9 9 9 9 9 9 9 9', '0 0']) {
      const { port } = await httpServer(t, (req, socket, head) => new WebSocket(req, socket, head));
      const peer = await RawPeer.connect(port);
      await write(peer, Buffer.concat([Buffer.from(request76({ 'Sec-WebSocket-Key1': key })), HIXIE76.body]));
      const head = await peer.head();
      assert.match(head, /^HTTP\/1\.1 (400|101) /, key);
      peer.destroy();
    }
    await alive(t);
  });

  differs('D1', `server: draft 75 lengths without an end, ${way}`, async (t) => {
    for (const bytes of [
      Buffer.concat([Buffer.from([0x80]), Buffer.alloc(500, 0xff)]),
      Buffer.concat([Buffer.from([0x80]), Buffer.alloc(500, 0x80)]).fill(0xff, 100)
    ]) {
      const { ws, peer } = await openServer(t, { head: request75() });
      const ended = end(ws);
      await write(peer, bytes);
      assert.deepStrictEqual(await ended, { code: null, reason: null, error: undefined });
    }
    await alive(t);
  });

  differs('D1', `server: draft 75 with FF bytes inside a binary frame, ${way}`, async (t) => {
    const { ws, peer } = await openServer(t, { head: request75() });
    const log = record(ws, ['message', 'error', 'close']);
    await write(peer, Buffer.from([0x80, 4, 0xff, 0xff, 0, 0xff, 0x00, 0x61, 0xff]));
    await until(() => log.length === 1);
    assert.deepStrictEqual(log, [['message', 'a']]);
  });
}

// Row 14: unmasked frames are in contract/framing. Row 15 likewise.

// Rows 7, 8: deflate.
const deflateSettings = { extensions: [require('permessage-deflate')] };
const deflated = (extra = {}) => ({
  head: request({ 'Sec-WebSocket-Extensions': 'permessage-deflate' }),
  settings: { ...deflateSettings, ...extra }
});

it('server: compressed frames that no peer may send', async (t) => {
  for (const [name, bytes, code] of [
    ['bad data', masked(TEXT, Buffer.from('ffffffffff', 'hex'), { rsv: 4 }), [1002, 1007, 1010]],
    ['RSV1 on a ping', masked(PING, 'x', { rsv: 4 }), [1002]],
    [
      'RSV1 on a continuation',
      Buffer.concat([masked(TEXT, 'x', { fin: false }), masked(CONTINUATION, 'x', { rsv: 4 })]),
      [1002]
    ]
  ]) {
    const { ws, peer } = await openServer(t, deflated());
    const ended = end(ws);
    peer.write(bytes);
    const { code: got } = await ended;
    assert.ok(code.includes(got), `${name}: ${got}`);
  }
  await alive(t);
});

it('server: a final block, and an empty compressed message', async (t) => {
  const { ws, peer } = await openServer(t, deflated());
  const log = record(ws, ['message', 'error', 'close']);
  const final = Buffer.concat([zlib.deflateRawSync('final'), Buffer.from([0])]);
  peer.write(masked(TEXT, final, { rsv: 4 }));
  peer.write(masked(TEXT, Buffer.from([0]), { rsv: 4 }));
  await until(() => log.length === 2);
  assert.deepStrictEqual(log, [
    ['message', 'final'],
    ['message', '']
  ]);
});

differs('D16', 'server: a bomb in many fragments', { timeout: 60000 }, async (t) => {
  const { ws, peer } = await openServer(t, deflated({ maxLength: MB }));
  const bomb = compress(Buffer.alloc(256 * MB));
  const ended = end(ws);
  const start = process.hrtime.bigint();
  for (let at = 0; at < bomb.length; at += 1000) {
    const last = at + 1000 >= bomb.length;
    const options = { fin: last, rsv: at === 0 ? 4 : 0 };
    peer.write(masked(at === 0 ? BINARY : CONTINUATION, bomb.subarray(at, at + 1000), options));
  }
  assert.strictEqual((await ended).code, 1009);
  const milliseconds = Number(process.hrtime.bigint() - start) / 1e6;
  assert.ok(milliseconds < 2000, `${milliseconds} ms`);
});

// Row 19.
