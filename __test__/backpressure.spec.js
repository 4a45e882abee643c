'use strict';

// maxBackpressure with both of its answers, on every path, and `terminate`.

const assert = require('node:assert');

const { it } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { names, open: openOn } = require('./support/paths');
const { openServer, clientSide } = require('./support/sides');
const { record, next, until } = require('./support/record');
const { TEXT, CLOSE, closePayload, frame, masked, parse } = require('./support/frames');
const handshakes = require('./support/handshakes');

/** The paths, how to open a connection on each, and how its peer makes a frame. */
const PATHS = names.map((path) => [path, (t, options) => openOn(t, path, options), /^server/.test(path) ? masked : frame]);

const MIB = 1024 * 1024;
const SLOW = 'Too many bytes wait for the peer';

/** The frames in some bytes. */
function framesIn(bytes) {
  const found = [];
  for (let one; (one = parse(bytes)) !== null; bytes = bytes.subarray(one.size)) found.push(one);
  return found;
}

/** Sends until a message is refused, to a peer that does not read; returns how many were taken. */
async function fill(ws, message, most = 1000) {
  let taken = 0;
  for (; taken < most && ws.readyState === 1; taken++) {
    ws.send(message);
    if (ws.droppedMessages > 0) return taken;
    // The carrier of some paths is another thread.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return taken;
}

for (const [path, open, out] of PATHS) {
  it(`${path}: while a plug-in has many of the peer's messages, nothing more is read`, async (t) => {
    const kept = [];
    let most = 0;
    const session = {
      generateOffer: () => ({}),
      activate: () => true,
      generateResponse: () => ({}),
      processIncomingMessage: (message, callback) => { most = Math.max(most, kept.push(() => callback(null, message))); },
      processOutgoingMessage: (message, callback) => callback(null, message),
      close() {},
    };
    const extension = {
      name: 'slow', type: 'permessage', rsv1: true, rsv2: false, rsv3: false,
      createClientSession: () => session, createServerSession: () => session,
    };
    const { ws, peer } = await open(t, { settings: { extensions: [extension] }, headers: { 'Sec-WebSocket-Extensions': 'slow' } });
    let count = 0;
    ws.on('message', ({ data }) => assert.strictEqual(Number.parseInt(data, 10), count++));
    const texts = Array.from({ length: 8000 }, (_, i) => String(i).padEnd(1000));
    peer.write(Buffer.concat(texts.map((text) => out(TEXT, text))));
    while (count < texts.length) {
      await new Promise((resolve) => setImmediate(resolve));
      for (const callBack of kept.splice(0, 10)) callBack();
    }
    assert.ok(most > 1000 && most < 3000, `${most} messages`);
    assert.strictEqual(ws.readyState, 1);
  });

  it(`${path}: 'drop' skips messages, counts them, and goes on when the peer reads again`, async (t) => {
    const { ws, peer } = await open(t, { settings: { maxBackpressure: MIB, onBackpressure: 'drop' } });
    peer.socket.pause();
    const log = record(ws, ['error', 'close', 'message']);
    const taken = await fill(ws, Buffer.alloc(MIB / 4, 'x'));
    // The window of a stream of HTTP/2 is smaller than what the system takes.
    assert.ok(taken >= (/HTTP\/2/.test(path) ? 4 : 5), `${taken}`);
    assert.ok(ws.bufferedAmount > MIB && ws.bufferedAmount <= 2 * MIB, `${ws.bufferedAmount}`);
    assert.strictEqual(ws.send('refused'), false);
    assert.strictEqual(ws.droppedMessages, 2);
    // Nothing else is: what the peer says arrives, and pings are answered.
    peer.write(out(TEXT, 'still here'));
    await until(() => log.length > 0);

    const drained = next(ws, 'drain');
    peer.socket.resume();
    await drained;
    await until(() => ws.bufferedAmount === 0);
    assert.strictEqual(ws.send('taken'), true);
    for (let i = 0; i < taken; i++) assert.strictEqual((await peer.frame()).payload.length, MIB / 4);
    assert.strictEqual((await peer.frame()).payload.toString(), 'taken');
    assert.deepStrictEqual(log, [['message', 'still here']]);
    assert.strictEqual(ws.droppedMessages, 2);
  });

  it(`${path}: 'close' fails the connection with 1013`, async (t) => {
    const { ws, peer } = await open(t, { settings: { maxBackpressure: MIB } });
    peer.socket.pause();
    const log = record(ws);
    const taken = await fill(ws, Buffer.alloc(MIB / 4, 'x'));
    assert.strictEqual(ws.send('refused'), false);
    await until(() => log.length > 2);
    assert.deepStrictEqual(log, [['error', SLOW], ['end'], ['close', 1013, SLOW]]);
    // A peer that begins to read in time learns why.
    peer.socket.resume();
    const frames = framesIn(await peer.rest());
    assert.strictEqual(frames.length, taken + 1);
    assert.deepStrictEqual([frames[taken].opcode, frames[taken].payload], [CLOSE, closePayload(1013, SLOW)]);
  });

  it(`${path}: messages of one turn to a peer that reads are not refused`, async (t) => {
    const { ws, peer } = await open(t, { settings: { maxBackpressure: 1000, onBackpressure: 'drop' } });
    for (let i = 0; i < 30; i++) ws.send('x'.repeat(200));
    for (let i = 0; i < 30 - ws.droppedMessages; i++) assert.strictEqual((await peer.frame()).payload.length, 200);
    // TLS and HTTP/2 of Node write later.
    if (!/TLS|wss|HTTP\/2/.test(path)) assert.strictEqual(ws.droppedMessages, 0);
  });

  it(`${path}: 'drain' follows a refusal, however little may wait`, async (t) => {
    const { ws, peer } = await open(t, { settings: { maxBackpressure: 10, onBackpressure: 'drop' } });
    peer.socket.pause();
    await fill(ws, Buffer.alloc(MIB, 'x'));
    const drained = next(ws, 'drain');
    peer.socket.resume();
    await drained;
    await until(() => ws.bufferedAmount === 0);
    assert.strictEqual(ws.send('taken'), true);
  });

  it(`${path}: broadcast honours it`, async (t) => {
    const slow = await open(t, { settings: { maxBackpressure: MIB, onBackpressure: 'drop' } });
    const shut = await open(t, { settings: { maxBackpressure: MIB } });
    const quick = await open(t, { settings: { maxBackpressure: MIB } });
    const sockets = [slow.ws, shut.ws, quick.ws];
    slow.peer.socket.pause();
    shut.peer.socket.pause();
    const log = record(shut.ws, ['error', 'close']);
    const message = Buffer.alloc(MIB / 4, 'x');
    let sent = 0;
    let skipped = [];
    for (let i = 0; i < 1000 && skipped.length < 2; i++) {
      ({ skipped } = WebSocket.broadcast(sockets, message));
      sent++;
      await until(() => quick.ws.bufferedAmount === 0);
    }
    // Congested long before, they have been sent to until the limit.
    assert.ok(sent > 4);
    assert.ok(skipped.includes(slow.ws) && skipped.includes(shut.ws));
    assert.ok(slow.ws.droppedMessages > 0);
    await until(() => log.length === 2);
    assert.deepStrictEqual(log, [['error', SLOW], ['close', 1013, SLOW]]);
    for (let i = 0; i < sent; i++) assert.strictEqual((await quick.peer.frame()).payload.length, MIB / 4);
    assert.strictEqual(quick.ws.droppedMessages, 0);
  });

  it(`${path}: terminate() closes at once, without a close frame`, async (t) => {
    const { ws, peer } = await open(t, {});
    const log = record(ws);
    ws.send('never sent');
    ws.terminate();
    assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
    assert.strictEqual(ws.readyState, 3);
    assert.strictEqual(ws.send('x'), false);
    assert.strictEqual(ws.terminate(), undefined);
    const [sent] = framesIn(await peer.rest());
    assert.ok(sent === undefined || sent.opcode !== CLOSE);
    assert.strictEqual(sent, undefined);
    assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
  });

  it(`${path}: terminate() from a listener, while closing, and with output that waits`, async (t) => {
    for (const act of [
      ({ ws, peer }) => {
        ws.on('message', () => ws.terminate());
        peer.write(Buffer.concat([out(TEXT, 'a'), out(TEXT, 'b')]));
      },
      ({ ws }) => {
        ws.close();
        setImmediate(() => ws.terminate());
      },
      ({ ws, peer }) => {
        peer.socket.pause();
        for (let i = 0; i < 16; i++) ws.send(Buffer.alloc(MIB));
        ws.terminate();
        peer.socket.resume();
      }
    ]) {
      const side = await open(t, {});
      const log = record(side.ws, ['message', 'error', 'close']);
      act(side);
      await until(() => log.some(([type]) => type === 'close'));
      await until(() => side.peer.ended);
      assert.deepStrictEqual(log.filter(([type]) => type !== 'message'), [['close', 1006, '']]);
      assert.ok(log.length <= 2);
    }
  });
}

it('messages that wait for the connection to open count', async (t) => {
  for (const [onBackpressure, events] of [
    ['drop', []], ['close', [['error', SLOW], ['end'], ['close', 1013, SLOW]]]
  ]) {
    const { ws, peer, head } = await clientSide(t, { settings: { maxBackpressure: 100, onBackpressure } });
    const log = record(ws);
    for (let i = 0; i < 4; i++) ws.send('x'.repeat(50));
    assert.strictEqual(ws.droppedMessages, 1);
    if (onBackpressure === 'drop') {
      peer.write(handshakes.response(head));
      for (let i = 0; i < 3; i++) assert.strictEqual((await peer.frame()).payload.length, 50);
      assert.deepStrictEqual(log, [['open']]);
      assert.strictEqual(ws.send('taken'), true);
    } else {
      await until(() => log.length === 3);
      assert.deepStrictEqual(log, events);
      await peer.rest();
    }
  }
});

it('messages inside a plug-in count', async (t) => {
  const out = [];
  const session = {
    generateResponse: () => ({}),
    processIncomingMessage: (message, callback) => callback(null, message),
    processOutgoingMessage: (message, callback) => out.push(() => callback(null, message)),
    close() {}
  };
  const extension = {
    name: 'slow', type: 'permessage', rsv1: false, rsv2: false, rsv3: false,
    createClientSession: () => session, createServerSession: () => session
  };
  const { ws, peer } = await openServer(t, {
    head: handshakes.request({ 'Sec-WebSocket-Extensions': 'slow' }),
    settings: { maxBackpressure: 100, onBackpressure: 'drop', extensions: extension }
  });
  for (let i = 0; i < 4; i++) ws.send('x'.repeat(50));
  assert.strictEqual(ws.bufferedAmount, 150);
  assert.strictEqual(ws.droppedMessages, 1);
  while (out.length > 0) out.shift()();
  for (let i = 0; i < 3; i++) assert.strictEqual((await peer.frame()).payload.length, 50);
  await until(() => ws.bufferedAmount === 0);
});

it('draft 75 closes without a close frame, as it has none', async (t) => {
  const { ws, peer } = await openServer(t, { head: handshakes.request75(), settings: { maxBackpressure: MIB } });
  peer.socket.pause();
  const log = record(ws);
  await fill(ws, 'x'.repeat(MIB / 4));
  await until(() => log.length > 2);
  assert.deepStrictEqual(log, [['error', SLOW], ['end'], ['close', null, null]]);
});

it('a listener that sends to others from a close does not nest', async (t) => {
  const sides = [];
  for (let i = 0; i < 20; i++) sides.push(await openServer(t, { settings: { maxBackpressure: MIB } }));
  let depth = 0;
  let deepest = 0;
  let closed = 0;
  for (const { ws, peer } of sides) {
    peer.socket.pause();
    ws.on('close', () => {
      closed++;
      deepest = Math.max(deepest, ++depth);
      for (const other of sides) other.ws.send(Buffer.alloc(MIB));
      depth--;
    });
  }
  while (closed < sides.length) {
    for (const { ws } of sides) ws.send(Buffer.alloc(MIB));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.strictEqual(deepest, 1);
});

it('a client that is connecting can be terminated', async (t) => {
  const { ws, peer } = await clientSide(t, {});
  const log = record(ws);
  ws.terminate();
  assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
  await peer.rest();
});

it('the additions are not enumerable', () => {
  for (const name of ['terminate', 'droppedMessages']) {
    assert.ok(name in WebSocket.prototype && name in WebSocket.Client.prototype);
    assert.ok(!Object.keys(WebSocket.super_.prototype).includes(name));
  }
  assert.ok(!Object.keys(WebSocket).includes('closeAll'));
});
