'use strict';

// permessage-deflate of npm as a plug-in, on both sides.
//
// Held here against the original: D16 (the inflater stops at maxLength).

const assert = require('node:assert');
const zlib = require('node:zlib');

const deflate = require('permessage-deflate');
const { it, differs } = require('../support/spec');
const { WebSocket } = require('../support/package_under_test');
const { httpServer, serverSide, openServer, clientSide, openClient } = require('../support/sides');
const { keepsMemory } = require('../support/node');
const { record, next, until } = require('../support/record');
const { CONTINUATION, TEXT, BINARY, PING, CLOSE, frame, masked, closePayload } = require('../support/frames');
const { field, request } = require('../support/handshakes');

const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' };
const RSV1 = { rsv: 4 };

/** The payload of a compressed message (RFC 7692 7.2.1). */
function compress(data) {
  const bytes = zlib.deflateRawSync(data, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  return bytes.subarray(0, bytes.length - 4);
}

function decompress(data) {
  const whole = Buffer.concat([data, Buffer.from([0, 0, 0xff, 0xff])]);
  return zlib.inflateRawSync(whole, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
}

const SIDES = [
  [
    'server',
    (t, options = {}) =>
      openServer(t, { head: request(OFFER), ...options, settings: { extensions: [deflate], ...options.settings } }),
    masked
  ],
  [
    'client',
    (t, options = {}) =>
      openClient(t, {
        answer: { 'Sec-WebSocket-Extensions': 'permessage-deflate' },
        ...options,
        settings: { extensions: [deflate], ...options.settings }
      }),
    frame
  ]
];

it('server: its response to an offer', async (t) => {
  for (const [extension, offer, answer] of [
    [deflate, 'permessage-deflate', 'permessage-deflate'],
    [deflate, 'permessage-deflate; client_max_window_bits', 'permessage-deflate'],
    [deflate, 'x-unknown, permessage-deflate', 'permessage-deflate'],
    [deflate, 'x-unknown; a="b c"', undefined],
    [deflate, 'permessage-deflate; server_no_context_takeover', 'permessage-deflate; server_no_context_takeover'],
    [deflate, 'permessage-deflate; nonsense=1', undefined],
    [
      deflate.configure({
        maxWindowBits: 10,
        requestMaxWindowBits: 9,
        noContextTakeover: true,
        requestNoContextTakeover: true
      }),
      'permessage-deflate; client_max_window_bits',
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=9'
    ],
    [deflate, undefined, undefined]
  ]) {
    const { peer } = await serverSide(t, {
      head: request({ 'Sec-WebSocket-Extensions': offer }),
      settings: { extensions: [extension] }
    });
    assert.strictEqual(field(await peer.head(), 'Sec-WebSocket-Extensions'), answer, offer);
  }
});

it('client: its offers', async (t) => {
  for (const [extension, offer] of [
    [deflate, 'permessage-deflate; client_max_window_bits'],
    [
      deflate.configure({ noContextTakeover: true, requestNoContextTakeover: true, requestMaxWindowBits: 9, maxWindowBits: 10 }),
      undefined
    ]
  ]) {
    const { head } = await clientSide(t, { settings: { extensions: [extension] } });
    const sent = field(head, 'Sec-WebSocket-Extensions');
    if (offer) assert.strictEqual(sent, offer);
    else {
      for (const part of ['server_max_window_bits=9', 'server_no_context_takeover', 'client_no_context_takeover']) {
        assert.ok(sent.includes(part), sent);
      }
    }
  }
});

it('server: the bytes of a compressed message', async (t) => {
  const { ws, peer } = await SIDES[0][1](t);
  ws.send('hello hello hello hello');
  assert.strictEqual((await peer.read(13)).toString('hex'), 'c10bca48cdc9c957c840270100');
});

for (const [side, open, out] of SIDES) {
  it(`${side}: receives compressed, uncompressed, fragmented and empty messages`, async (t) => {
    const { ws, peer } = await open(t);
    const log = record(ws, ['message', 'error', 'close']);
    const text = 'compressible '.repeat(100);
    const packed = compress(text);
    peer.write(out(TEXT, compress(text), RSV1));
    peer.write(out(TEXT, 'plain'));
    peer.write(out(TEXT, packed.subarray(0, 5), { fin: false, ...RSV1 }));
    peer.write(out(PING, 'between'));
    peer.write(out(CONTINUATION, packed.subarray(5, 9), { fin: false }));
    peer.write(out(CONTINUATION, packed.subarray(9)));
    peer.write(out(BINARY, compress(Buffer.alloc(70000, 3)), RSV1));
    peer.write(out(TEXT, compress(''), RSV1));
    peer.write(out(TEXT, Buffer.from([0]), RSV1));
    await until(() => log.length === 6);
    assert.deepStrictEqual(log, [
      ['message', text],
      ['message', 'plain'],
      ['message', text],
      ['message', Buffer.alloc(70000, 3)],
      ['message', ''],
      ['message', '']
    ]);
  });

  it(`${side}: sends compressed messages in order, which inflate to the messages sent`, async (t) => {
    const { ws, peer } = await open(t, {
      ...(side === 'client'
        ? { answer: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_no_context_takeover' } }
        : { head: request({ 'Sec-WebSocket-Extensions': 'permessage-deflate; server_no_context_takeover' }) })
    });
    const messages = ['a'.repeat(1000), Buffer.alloc(3000, 'b'), 'ü'.repeat(40000), '', 'last'];
    for (const message of messages) ws.send(message);
    for (const message of messages) {
      const { opcode, rsv, payload } = await peer.frame();
      assert.strictEqual(opcode, Buffer.isBuffer(message) ? BINARY : TEXT);
      const data = rsv & 4 ? decompress(payload) : payload;
      assert.ok(data.equals(Buffer.from(message)), message.slice(0, 10));
    }
  });

  it(`${side}: a close waits for messages that are being compressed`, async (t) => {
    const { ws, peer } = await open(t);
    ws.send('x'.repeat(200000));
    ws.close(3000, 'after');
    const first = await peer.frame();
    assert.deepStrictEqual([first.opcode, first.rsv], [TEXT, 4]);
    const second = await peer.frame();
    assert.deepStrictEqual([second.opcode, second.payload], [CLOSE, closePayload(3000, 'after')]);
  });

  it(`${side}: data that does not inflate closes, with the name of the extension`, async (t) => {
    const { ws, peer } = await open(t);
    const log = record(ws);
    peer.write(out(TEXT, Buffer.from('ffffffffffff', 'hex'), RSV1));
    await next(ws, 'close');
    assert.strictEqual(log.length, 3);
    assert.match(log[0][1], /^permessage-deflate: /);
    assert.deepStrictEqual(log[2], ['close', 1010, log[0][1]]);
  });

  it(`${side}: reserved bits that nobody claimed`, async (t) => {
    for (const bytes of [
      out(TEXT, 'x', { rsv: 2 }),
      out(PING, 'x', RSV1),
      Buffer.concat([out(TEXT, 'x', { fin: false }), out(CONTINUATION, 'x', RSV1)])
    ]) {
      const { ws, peer } = await open(t);
      peer.write(bytes);
      const event = await next(ws, 'close');
      assert.strictEqual(event.code, 1002);
      assert.match(event.reason, /^One or more reserved bits are on: /);
    }
  });

  it(`${side}: invalid text inside a compressed message`, async (t) => {
    const { ws, peer } = await open(t);
    peer.write(out(TEXT, compress(Buffer.from([0x61, 0xff])), RSV1));
    const event = await next(ws, 'close');
    assert.deepStrictEqual([event.code, event.reason], [1007, 'Could not decode a text frame as UTF-8']);
  });

  it(`${side}: maxLength holds for the inflated message`, async (t) => {
    const { ws, peer } = await open(t, { settings: { maxLength: 1000 } });
    const log = record(ws, ['message', 'close']);
    peer.write(out(BINARY, compress(Buffer.alloc(1000)), RSV1));
    await until(() => log.length === 1);
    assert.strictEqual(log[0][1].length, 1000);
    peer.write(out(BINARY, compress(Buffer.alloc(1001)), RSV1));
    await until(() => log.length === 2);
    assert.deepStrictEqual(log[1], ['close', 1009, 'WebSocket frame length too large']);
  });

  differs('D16', `${side}: a bomb is not inflated beyond maxLength`, { timeout: 60000 }, async (t) => {
    const { ws, peer } = await open(t);
    const bomb = compress(Buffer.alloc(256 << 20));
    let peak = 0;
    const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 5);
    t.after(() => clearInterval(timer));
    const before = process.memoryUsage().rss;
    peer.write(out(BINARY, bomb, RSV1));
    const event = await next(ws, 'close');
    assert.strictEqual(event.code, 1009);
    peak = Math.max(peak, process.memoryUsage().rss);
    // The default limit is 64 MiB; beside it some room for the allocator.
    assert.ok(keepsMemory || peak - before < 160 << 20, `${(peak - before) >> 20} MiB more`);
  });
}

it('two of ours talk compressed, in every combination of context takeover', async (t) => {
  for (const noContextTakeover of [false, true]) {
    for (const requestNoContextTakeover of [false, true]) {
      const extension = deflate.configure({ noContextTakeover, requestNoContextTakeover, maxWindowBits: 12 });
      const { port } = await httpServer(t, (req, socket, head) => {
        const ws = new WebSocket(req, socket, head, [], { extensions: [extension] });
        ws.pipe(ws);
      });
      const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/`, [], { extensions: [extension] });
      t.after(() => ws.close());
      const sent = ['again and again', 'again and again', Buffer.from('again and again'), 'x'.repeat(100000)];
      const got = [];
      ws.on('message', ({ data }) => got.push(data));
      for (const message of sent) ws.send(message);
      await until(() => got.length === sent.length);
      assert.deepStrictEqual(got, sent);
    }
  }
});
