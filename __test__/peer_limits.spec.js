'use strict';

// Options that bound what a peer may do: wrong values throw by name, at the call, before anything is
// opened; and the bounds on fragments, messages and pings hold on every path.

const assert = require('node:assert');
const net = require('node:net');
const { once } = require('node:events');

const { describe, it } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { names, open: openOn } = require('./support/paths');
const { openServer, serverSide } = require('./support/sides');
const { end } = require('./support/hostility');
const { record, until } = require('./support/record');
const { TEXT, BINARY, CONTINUATION, PING, PONG, CLOSE, frame, masked, closePayload } = require('./support/frames');
const handshakes = require('./support/handshakes');

/** The paths, how to open a connection on each, and how its peer makes a frame. */
const PATHS = names.map((path) => [path, (t, options) => openOn(t, path, options), /^server/.test(path) ? masked : frame]);

const SECONDS = 'a number of seconds, 0 for none';
const FRAGMENTS = 'an integer from 1 to 4294967295';
const PER_SECOND = 'a number per second greater than 0';

const WRONG = [
  ['pongTimeout', ['5', true, {}, 5n, NaN, -1, Infinity], SECONDS],
  ['idleTimeout', ['5', false, [], NaN, -0.1, -Infinity], SECONDS],
  ['maxLifetime', ['1h', new Date(0), NaN, -1, Infinity], SECONDS],
  ['closeTimeout', ['30', true, 0, NaN, -1, Infinity], 'a number of seconds greater than 0'],
  ['maxBackpressure', ['1mb', true, 0, NaN, -1, Infinity], 'a number of bytes greater than 0'],
  ['maxFragments', ['10', true, 0, 1.5, NaN, -1, 2 ** 32, Infinity], FRAGMENTS],
  ['maxMessageRate', ['10', true, 0, NaN, -1, Infinity], PER_SECOND],
  ['maxPingRate', ['10', true, 0, NaN, -1, Infinity], PER_SECOND]
];

const MEANINGLESS = [
  [{ pongTimeout: 5 }, 'pongTimeout requires the option ping'],
  [{ pongTimeout: 5, ping: 0 }, 'pongTimeout requires the option ping'],
  [{ onBackpressure: 'drop' }, 'onBackpressure requires the option maxBackpressure'],
  [{ maxBackpressure: 1, onBackpressure: 'wait' }, "onBackpressure must be 'close' or 'drop'"],
  [{ maxBackpressure: 1, onBackpressure: 1 }, "onBackpressure must be 'close' or 'drop'"]
];

/** Fails unless neither side can be made with the options, and no client dials. */
async function refuses(t, options, expected) {
  const server = net.createServer(() => assert.fail('somebody dialled')).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  assert.throws(() => new WebSocket.Client(`ws://127.0.0.1:${server.address().port}/`, [], options), expected);

  const { ws, socket } = await serverSide(t);
  const request = ws.request;
  const other = new net.Socket();
  t.after(() => other.destroy());
  assert.throws(() => new WebSocket(request, other, null, [], options), expected);
  assert.strictEqual(other.listenerCount('close') + other.listenerCount('data'), 0);
  assert.ok(!socket.destroyed);
}

for (const [name, values, description] of WRONG) {
  for (const value of values) {
    const type = typeof value === 'number' ? 'RangeError' : 'TypeError';
    it(`${name}: ${typeof value} ${String(value)} is a ${type}`, async (t) => {
      await refuses(t, { ping: 1, [name]: value }, { name: type, message: `${name} must be ${description}` });
    });
  }
}

for (const [options, message] of MEANINGLESS) {
  it(`${JSON.stringify(options)} is a TypeError`, (t) => refuses(t, options, { name: 'TypeError', message }));
}

it('two connections with different limits have their own', async (t) => {
  const few = await openServer(t, { settings: { maxFragments: 2 } });
  const many = await openServer(t, { settings: { maxFragments: 3 } });
  const again = await openServer(t, { settings: { maxFragments: 2 } });
  const three = [
    masked(TEXT, 'a', { fin: false }), masked(CONTINUATION, 'b', { fin: false }), masked(CONTINUATION, 'c')
  ];
  const log = record(many.ws, ['message', 'error']);
  const ends = [few, again].map(({ ws }) => end(ws));
  for (const { peer } of [few, many, again]) peer.write(Buffer.concat(three));
  for (const { code } of await Promise.all(ends)) assert.strictEqual(code, 1008);
  await until(() => log.length > 0);
  assert.deepStrictEqual(log, [['message', 'abc']]);
});

describe('on every path', { concurrency: 8 }, () => {
  for (const [path, open, out] of PATHS) {
    /** Fails unless the connection ends with 1008 and this text, there and here. */
    const violated = async ({ ws, peer }, text) => {
      const log = record(ws, ['message', 'error', 'close']);
      await until(() => log.some(([type]) => type === 'close'));
      assert.deepStrictEqual(log.slice(-2), [['error', text], ['close', 1008, text]]);
      let sent = await peer.frame();
      while (sent.opcode !== CLOSE) sent = await peer.frame();
      assert.deepStrictEqual(sent.payload, closePayload(1008, text));
      return log.slice(0, -2);
    };

    it(`${path}: maxFragments frames are a message, one more is a violation`, async (t) => {
      const side = await open(t, { settings: { maxFragments: 4 } });
      const part = () => out(CONTINUATION, 'x', { fin: false });
      const message = [out(BINARY, '', { fin: false }), part(), part(), out(CONTINUATION, 'x')];
      const violation = [out(TEXT, 'x', { fin: false }), part(), part(), part(), part()];
      side.peer.write(Buffer.concat([...message, ...violation]));
      assert.deepStrictEqual(await violated(side, 'Too many message fragments'), [['message', Buffer.from('xxx')]]);
    });

    it(`${path}: maxMessageRate lets a second's worth through`, async (t) => {
      const side = await open(t, { settings: { maxMessageRate: 5 } });
      const messages = [
        out(TEXT, '1'), out(TEXT, '', { fin: false }), out(PING, ''), out(CONTINUATION, '2'), out(BINARY, ''),
        out(PING, ''), out(TEXT, '4'), out(TEXT, '5'), out(TEXT, '6'), out(TEXT, '7')
      ];
      side.peer.write(Buffer.concat(messages));
      const before = await violated(side, 'Too many messages');
      assert.deepStrictEqual(before.map(([, data]) => String(data)), ['1', '2', '', '4', '5']);
    });

    it(`${path}: maxMessageRate is refilled as time goes by`, async (t) => {
      const { ws, peer } = await open(t, { settings: { maxMessageRate: 50 } });
      const log = record(ws, ['message', 'error', 'close']);
      for (let i = 0; i < 3; i++) {
        peer.write(Buffer.concat(Array.from({ length: 40 }, () => out(TEXT, 'x'))));
        await until(() => log.length === 40 * (i + 1));
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
      assert.ok(log.every(([type]) => type === 'message'));
    });

    it(`${path}: messages sent during a pause of the application do not exceed the rate`, async (t) => {
      const { ws, peer } = await open(t, { settings: { maxMessageRate: 40 } });
      const log = record(ws, ['error', 'close']);
      let got = 0;
      ws.on('message', () => got++);
      ws.pause();
      // A second's worth, and that of two seconds in which nothing is read.
      for (let i = 0; i < 20; i++) {
        peer.write(Buffer.concat(Array.from({ length: 4 }, () => out(TEXT, 'x'))));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      ws.resume();
      await until(() => got === 80 || log.length > 0);
      assert.deepStrictEqual(log, []);
      // The allowance is used up; what a machine that stands still meanwhile adds to it is too.
      const flood = Buffer.concat(Array.from({ length: 120 }, () => out(TEXT, 'x')));
      await until(() => {
        if (log.length === 0) peer.write(flood);
        return log.length === 2;
      });
      assert.deepStrictEqual(log, [['error', 'Too many messages'], ['close', 1008, 'Too many messages']]);
    });

    it(`${path}: maxPingRate limits pings, and unsolicited pongs`, async (t) => {
      for (const opcode of [PING, PONG]) {
        const side = await open(t, { settings: { maxPingRate: 3 } });
        side.peer.write(Buffer.concat([...Array.from({ length: 20 }, () => out(TEXT, 'x')), out(opcode, '')]));
        side.peer.write(Buffer.concat(Array.from({ length: 4 }, () => out(opcode, 'y'))));
        const before = await violated(side, 'Too many pings');
        assert.ok(before.length <= 20);
      }
    });

    it(`${path}: maxPingRate does not count answers`, async (t) => {
      const { ws, peer } = await open(t, { settings: { maxPingRate: 2 } });
      const log = record(ws, ['error', 'close']);
      let answered = 0;
      for (let i = 0; i < 20; i++) ws.ping(String(i), () => answered++);
      for (let i = 0; i < 20; i++) peer.write(out(PONG, (await peer.frame()).payload));
      await until(() => answered === 20);
      assert.deepStrictEqual(log, []);
    });
  }
});

for (const [version, head, extra] of [
  ['75', handshakes.request75(), ''], ['76', handshakes.request76(), handshakes.HIXIE76.body]
]) {
  it(`draft ${version}: too many texts close the connection, as a text too long does`, async (t) => {
    const { ws, peer } = await serverSide(t, { head, extra, settings: { maxMessageRate: 2, maxFragments: 1 } });
    const log = record(ws, ['message', 'error', 'end', 'close']);
    peer.write(Buffer.from('\x00a\xff\x00b\xff\x00c\xff\x00d\xff', 'latin1'));
    await until(() => log.some(([type]) => type === 'close'));
    assert.deepStrictEqual(log, [['message', 'a'], ['message', 'b'], ['end'], ['close', null, null]]);
  });
}

it('too many messages after close() are no violation', async (t) => {
  const { ws, peer } = await openServer(t, { settings: { maxMessageRate: 1 } });
  ws.on('message', () => ws.close(3000));
  peer.write(Buffer.concat([masked(TEXT, 'a'), masked(TEXT, 'b'), masked(TEXT, 'c'), masked(CLOSE, closePayload(3000))]));
  assert.deepStrictEqual(await end(ws), { code: 3000, reason: '', error: undefined });
});

it('byte by byte, every frame counts once', async (t) => {
  const { ws, peer } = await openServer(t, { settings: { maxMessageRate: 2 } });
  const log = record(ws, ['message', 'error']);
  await peer.drip(Buffer.concat([masked(TEXT, 'a'.repeat(100)), masked(TEXT, 'b'.repeat(100))]));
  await until(() => log.length === 2);
  assert.deepStrictEqual(log.map(([type]) => type), ['message', 'message']);
});
