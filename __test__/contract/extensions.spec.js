'use strict';

// Extensions: permessage-deflate of npm on both sides, plug-ins of our own
// making, their negotiation, order, errors and limits.
//
// Held here against the original: D16 (the inflater stops at maxLength), B34
// (exceptions in offers, callbacks without a message), B40 (quoting).

const assert = require('node:assert');
const zlib = require('node:zlib');

const deflate = require('permessage-deflate');
const { it, differs } = require('../support/spec');
const { WebSocket } = require('../support/package_under_test');
const { httpServer, serverSide, openServer, clientSide, openClient } = require('../support/sides');
const { keepsMemory } = require('../support/node');
const { record, next, until } = require('../support/record');
const { CONTINUATION, TEXT, BINARY, PING, CLOSE, frame, masked, closePayload } = require('../support/frames');
const { field, request, response } = require('../support/handshakes');

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

/** A plug-in that does nothing but what `changes` says. */
function plugin(name, changes = {}) {
  const session = {
    generateOffer: () => ({}),
    generateResponse: () => ({}),
    activate: () => true,
    processIncomingMessage: (message, callback) => callback(null, message),
    processOutgoingMessage: (message, callback) => callback(null, message),
    close() {},
    ...changes.session
  };
  return {
    name,
    type: 'permessage',
    rsv1: false,
    rsv2: false,
    rsv3: false,
    createClientSession: () => session,
    createServerSession: () => session,
    ...changes.extension
  };
}

it('the required properties of a plug-in', () => {
  for (const [extension, message] of [
    [plugin(undefined), 'extension.name must be a string'],
    [plugin('x', { extension: { type: 'x' } }), 'extension.type must be "permessage"'],
    [plugin('x', { extension: { rsv1: undefined } }), 'extension.rsv1 must be true or false'],
    [plugin('x', { extension: { rsv2: 1 } }), 'extension.rsv2 must be true or false'],
    [plugin('x', { extension: { rsv3: null } }), 'extension.rsv3 must be true or false']
  ]) {
    assert.throws(
      () => {
        const ws = new WebSocket.Client('ws://127.0.0.1:1/', [], { extensions: [extension] });
        ws.close();
      },
      { name: 'TypeError', message }
    );
  }
  assert.throws(() => new WebSocket.Client('ws://127.0.0.1:1/', [], { extensions: [plugin('x'), plugin('x')] }), {
    name: 'TypeError',
    message: 'An extension with name "x" is already registered'
  });
});

it('the fields of a message in a plug-in, and the order of messages', async (t) => {
  const seen = [];
  const log = (name) => ({
    session: {
      processIncomingMessage(message, callback) {
        const { rsv1, rsv2, rsv3, opcode, data } = message;
        seen.push(['in', name, rsv1, rsv2, rsv3, opcode, data.toString()]);
        callback(null, message);
      },
      processOutgoingMessage(message, callback) {
        seen.push(['out', name, message.opcode, message.data.toString()]);
        message.data = Buffer.concat([message.data, Buffer.from(name)]);
        callback(null, message);
      }
    }
  });
  const one = plugin('one', log('one'));
  const two = plugin('two', { ...log('two'), extension: { rsv2: true } });
  const { ws, peer, response: answer } = await openServer(t, {
    head: request({ 'Sec-WebSocket-Extensions': 'two, one' }),
    settings: { extensions: [one, two] }
  });
  assert.strictEqual(field(answer, 'Sec-WebSocket-Extensions'), 'one, two');
  const message = next(ws, 'message');
  peer.write(masked(TEXT, 'hi', { rsv: 2 }));
  await message;
  ws.send('yo');
  assert.strictEqual((await peer.frame()).payload.toString(), 'yoonetwo');
  assert.deepStrictEqual(seen, [
    ['in', 'two', false, true, false, 1, 'hi'],
    ['in', 'one', false, true, false, 1, 'hi'],
    ['out', 'one', 1, 'yo'],
    ['out', 'two', 1, 'yoone']
  ]);
});

it('messages keep their order, however late a plug-in calls back; control frames may overtake', async (t) => {
  const slow = plugin('slow', {
    session: {
      processOutgoingMessage(message, callback) {
        setTimeout(() => callback(null, message), message.data.toString() === 'first' ? 60 : 5);
      },
      processIncomingMessage(message, callback) {
        setTimeout(() => callback(null, message), message.data.toString() === 'first' ? 60 : 5);
      }
    }
  });
  const { ws, peer } = await openServer(t, {
    head: request({ 'Sec-WebSocket-Extensions': 'slow' }),
    settings: { extensions: slow }
  });
  const log = record(ws, ['message']);
  peer.write(Buffer.concat([masked(TEXT, 'first'), masked(TEXT, 'second')]));
  ws.send('first');
  ws.send('second');
  ws.ping('overtakes');
  const got = [];
  for (let i = 0; i < 3; i++) got.push((await peer.frame()).payload.toString());
  assert.deepStrictEqual(got, ['overtakes', 'first', 'second']);
  await until(() => log.length === 2);
  assert.deepStrictEqual(log, [
    ['message', 'first'],
    ['message', 'second']
  ]);
});

it('the caller may overwrite its Buffer though a plug-in takes its time', async (t) => {
  const slow = plugin('slow', {
    session: { processOutgoingMessage: (message, callback) => setTimeout(() => callback(null, message), 20) }
  });
  const { isOriginal } = require('../support/package_under_test');
  const { ws, peer } = await openServer(t, {
    head: request({ 'Sec-WebSocket-Extensions': 'slow' }),
    settings: { extensions: [slow] }
  });
  const data = Buffer.from('before');
  ws.send(data);
  if (!isOriginal) data.fill('x');
  assert.strictEqual((await peer.frame()).payload.toString(), 'before');
});

it('a close waits for the plug-ins, and each session is closed once', async (t) => {
  let closed = 0;
  let release;
  const slow = plugin('slow', {
    session: {
      processOutgoingMessage: (message, callback) => (release = () => callback(null, message)),
      close: () => closed++
    }
  });
  const { ws, peer } = await openServer(t, {
    head: request({ 'Sec-WebSocket-Extensions': 'slow' }),
    settings: { extensions: [slow] }
  });
  ws.send('inside');
  ws.close(3000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepStrictEqual([peer.input.length, closed], [0, 0]);
  release();
  assert.strictEqual((await peer.frame()).payload.toString(), 'inside');
  assert.deepStrictEqual((await peer.frame()).payload, closePayload(3000));
  assert.strictEqual(closed, 1);
  peer.write(masked(CLOSE, closePayload(3000)));
  await next(ws, 'close');
  assert.strictEqual(closed, 1);
});

for (const [error, code] of [
  [{ message: 'why' }, 1010],
  [{ message: 'why', type: 'too_large' }, 1009],
  [{ message: 'why', type: 'policy_violation' }, 1008],
  [{ message: 'why', type: 3333 }, 3333]
]) {
  for (const direction of ['processIncomingMessage', 'processOutgoingMessage']) {
    it(`an error in ${direction}, of type ${error.type}, is ${code}`, async (t) => {
      const failing = plugin('failing', {
        session: { [direction]: (message, callback) => callback(Object.assign(new Error(), error)) }
      });
      const { ws, peer } = await openServer(t, {
        head: request({ 'Sec-WebSocket-Extensions': 'failing' }),
        settings: { extensions: [failing] }
      });
      const log = record(ws);
      if (direction === 'processIncomingMessage') peer.write(masked(TEXT, 'x'));
      else ws.send('x');
      await until(() => log.length === 3);
      assert.deepStrictEqual(log, [['error', 'failing: why'], ['end'], ['close', code, 'failing: why']]);
      assert.deepStrictEqual((await peer.frame()).payload, closePayload(code, 'failing: why'));
    });
  }
}

for (const type of ['unheard of', 'constructor', 70000, 1000.5, true, {}]) {
  differs('B34', `an error of type ${JSON.stringify(type)}, which is no close code, is 1010`, async (t) => {
    const failing = plugin('failing', {
      session: { processIncomingMessage: (message, callback) => callback(Object.assign(new Error('why'), { type })) }
    });
    const { ws, peer } = await openServer(t, {
      head: request({ 'Sec-WebSocket-Extensions': 'failing' }),
      settings: { extensions: [failing] }
    });
    const log = record(ws);
    peer.write(masked(TEXT, 'x'));
    await until(() => log.length === 3);
    assert.deepStrictEqual(log, [['error', 'failing: why'], ['end'], ['close', 1010, 'failing: why']]);
    assert.deepStrictEqual((await peer.frame()).payload, closePayload(1010, 'failing: why'));
  });
}

for (const given of [[], [null], [null, null], [undefined, {}], [null, 'x']]) {
  for (const direction of ['processIncomingMessage', 'processOutgoingMessage']) {
    differs('B34', `${direction} that calls back with (${given.map((each) => JSON.stringify(each))}) fails the connection`, async (t) => {
      const empty = plugin('empty', { session: { [direction]: (message, callback) => setImmediate(callback, ...given) } });
      const { ws, peer } = await openServer(t, {
        head: request({ 'Sec-WebSocket-Extensions': 'empty, behind' }),
        settings: { extensions: [empty, plugin('behind')] }
      });
      const log = record(ws);
      if (direction === 'processIncomingMessage') peer.write(masked(TEXT, 'x'));
      else ws.send('x');
      await until(() => log.length === 3);
      const text = 'empty: The callback was given neither an error nor a message';
      assert.deepStrictEqual(log, [['error', text], ['end'], ['close', 1010, text]]);
    });
  }
}

it('client: invalid responses of a server', async (t) => {
  const PREFIX = 'Error during WebSocket handshake: ';
  const one = plugin('one', { extension: { rsv1: true } });
  const two = plugin('two', { extension: { rsv1: true } });
  const picky = plugin('picky', { session: { activate: () => 'truthy is not true' } });
  for (const [answer, text] of [
    ['three', 'Server sent an extension response for unknown extension "three"'],
    ['one, two', 'Server sent two extension responses that use the RSV1 bit: "one" and "two"'],
    ['picky; a=1; b="c d"', 'Server sent unacceptable extension parameters: picky; a=1; b="c d"'],
    ['one; ;', 'Invalid Sec-WebSocket-Extensions header: one; ;']
  ]) {
    const { ws, peer, head } = await clientSide(t, { settings: { extensions: [one, two, picky] } });
    const log = record(ws);
    peer.write(response(head, { 'Sec-WebSocket-Extensions': answer }));
    await next(ws, 'close');
    assert.deepStrictEqual(log, [['error', PREFIX + text], ['end'], ['close', 1002, PREFIX + text]]);
  }
});

differs('B40', 'how offers are written, and read again', async (t) => {
  let offered;
  const params = { n: 1, s: 'a"b', t: 'tok', arr: [1, true], f: true };
  const writer = plugin('w', { session: { generateOffer: () => [params, { other: '1.5' }] } });
  const { head } = await clientSide(t, { settings: { extensions: [writer] } });
  const sent = field(head, 'Sec-WebSocket-Extensions');
  assert.strictEqual(sent, 'w; n=1; s="a\\"b"; t=tok; arr=1; arr; f, w; other=1.5');
  const reader = plugin('w', {
    extension: {
      createServerSession(offers) {
        offered = offers;
        return null;
      }
    }
  });
  const { peer } = await serverSide(t, {
    head: request({ 'Sec-WebSocket-Extensions': `${sent}, w;hasOwnProperty=2;__proto__=3; q="007"` }),
    settings: { extensions: [reader] }
  });
  await peer.head();
  assert.strictEqual(offered.length, 3);
  assert.deepStrictEqual({ ...offered[0] }, params);
  assert.deepStrictEqual({ ...offered[1] }, { other: 1.5 });
  assert.deepStrictEqual([offered[2].hasOwnProperty, offered[2].q], [2, '007']);
});

differs('B40', 'every value that needs quotes gets them', async (t) => {
  const writer = plugin('a', { session: { generateOffer: () => ({ x: 'p q', y: 'r s', z: 't u' }) } });
  const { head } = await clientSide(t, { settings: { extensions: [writer] } });
  assert.strictEqual(field(head, 'Sec-WebSocket-Extensions'), 'a; x="p q"; y="r s"; z="t u"');
});

differs('B34', 'client: an exception in an offer is a failed handshake', async (t) => {
  const { port } = await httpServer(t, () => {});
  const broken = plugin('broken', {
    session: {
      generateOffer() {
        throw new Error('no offer');
      }
    }
  });
  const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/`, [], { extensions: [broken] });
  const log = record(ws);
  await next(ws, 'close');
  assert.strictEqual(log[0][0], 'error');
  assert.match(log[0][1], /no offer$/);
});

const UNSAFE = ['x\r\ny: z', 'x\n', '\rx', 'x\0'];

differs('D17', 'a plug-in name that would end its line is refused at the call', () => {
  for (const name of UNSAFE) {
    assert.throws(() => new WebSocket.Client('ws://127.0.0.1:1/', [], { extensions: [plugin(name)] }), {
      name: 'TypeError',
      message: 'Invalid character in extension name: ' + JSON.stringify(name)
    });
  }
});

differs('D17', 'client: parameters that would end their line are a failed handshake, and never sent', async (t) => {
  for (const text of UNSAFE) {
    for (const offer of [{ key: text }, { [text]: true }, [{}, { key: ['', text] }]]) {
      const { port } = await httpServer(t, () => assert.fail('a request arrived'));
      const broken = plugin('broken', { session: { generateOffer: () => offer } });
      const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/`, [], { extensions: [broken] });
      const log = record(ws);
      await next(ws, 'close');
      assert.strictEqual(log[0][0], 'error');
      assert.match(log[0][1], /Invalid character in the parameters of extension "broken"$/);
    }
  }
});

differs('D17', 'server: parameters that would end their line are a refusal', async (t) => {
  for (const text of UNSAFE) {
    const broken = plugin('broken', { session: { generateResponse: () => ({ key: text }) } });
    const { peer } = await serverSide(t, {
      head: request({ 'Sec-WebSocket-Extensions': 'broken' }),
      settings: { extensions: [broken] }
    });
    const head = await peer.head();
    assert.match(head, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.ok(!head.includes('Sec-WebSocket-Extensions'), head);
  }
});

it('server: an exception in a session is a refusal with its text', async (t) => {
  const broken = plugin('broken', {
    session: {
      generateResponse() {
        throw new Error('no answer');
      }
    }
  });
  const { peer } = await serverSide(t, {
    head: request({ 'Sec-WebSocket-Extensions': 'broken' }),
    settings: { extensions: [broken] }
  });
  assert.match((await peer.rest()).toString(), /^HTTP\/1\.1 400 Bad Request\r\n[^]*no answer$/);
});
