'use strict';

// Messages that come in many chunks, on the path past Node's streams and on the streams.

const assert = require('node:assert');

const { it } = require('./support/spec');
const { openServer } = require('./support/sides');
const { caught } = require('./support/caught');
const { record, next, until } = require('./support/record');
const { TEXT, BINARY, CONTINUATION, CLOSE, PING, masked, closePayload } = require('./support/frames');

const SIZES = [65535, 65536, 98304, 131072, 262144, 1000000, 1048576, 5000000];

/** Bytes that differ from place to place. */
function patterned(size) {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i + 4 <= size; i += 4) bytes.writeUInt32LE(i, i);
  return bytes;
}

for (const size of SIZES) {
  it(`${size} bytes, alone and between others`, async (t) => {
    const { ws, peer } = await openServer(t);
    const got = [];
    ws.on('message', ({ data }) => got.push(data));
    const bytes = patterned(size);
    peer.write(Buffer.concat([masked(TEXT, 'before'), masked(BINARY, bytes), masked(TEXT, 'after'), masked(BINARY, bytes)]));
    await until(() => got.length === 4);
    assert.deepStrictEqual([got[0], got[2]], ['before', 'after']);
    assert.ok(got[1].equals(bytes) && got[3].equals(bytes));
    // Both are the application's own.
    got[1].fill(0);
    assert.ok(got[3].equals(bytes));
  });

  it(`a text of ${size} bytes, ASCII and not`, async (t) => {
    const { ws, peer } = await openServer(t);
    const got = [];
    ws.on('message', ({ data }) => got.push(data));
    const texts = ['ab'.repeat(size / 2), 'aé𝄞'.repeat(size / 7)];
    for (const text of texts) peer.write(masked(TEXT, text));
    await until(() => got.length === 2);
    assert.ok(got[0] === texts[0] && got[1] === texts[1]);
    for (const text of texts) ws.send(text);
    for (const text of texts) assert.ok((await peer.frame()).payload.equals(Buffer.from(text)));
  });
}

it('received payloads of every size are not written to later, however the bytes were divided into chunks', async (t) => {
  const { ws, peer } = await openServer(t);
  const got = [];
  ws.on('message', ({ data }) => got.push(data));
  const sent = [4095, 4096, 4097, 5000, 8193, 16384, 16385, 40000].flatMap((size) => [patterned(size), patterned(size)]);
  const wire = Buffer.concat(sent.map((bytes) => masked(BINARY, bytes)));
  for (let from = 0; from < wire.length; from += 7001) {
    peer.write(wire.subarray(from, from + 7001));
    await until(() => ws._stream.bytesRead >= from + Math.min(7001, wire.length - from));
  }
  await until(() => got.length === sent.length);
  for (const [i, bytes] of sent.entries()) {
    assert.ok(got[i].equals(bytes), `${bytes.length}`);
    got[i].fill(0xff);
  }
});

it('messages of all sizes in one turn leave in order, although their Buffers are overwritten after the call', async (t) => {
  const { ws, peer } = await openServer(t);
  const sizes = [10, 5000, 20, 40000, 30000, 3, 70000, 4097, 10, 200000, 5];
  const bytes = Buffer.alloc(200000);
  for (const [i, size] of sizes.entries()) {
    ws.send(bytes.fill(i).subarray(0, size));
    ws.send(String(i % 10).repeat(size));
  }
  for (const [i, size] of sizes.entries()) {
    assert.ok((await peer.frame()).payload.equals(Buffer.alloc(size, i)), `${size}`);
    assert.ok((await peer.frame()).payload.equals(Buffer.alloc(size, String(i % 10))), `${size}`);
  }
  assert.strictEqual(ws.bufferedAmount, 0);
});

it('a listener that throws before a long message loses no byte of that message', async (t) => {
  const { ws, peer } = await openServer(t);
  const bytes = patterned(300000);
  const got = [];
  ws.on('message', ({ data }) => {
    got.push(data);
    if (data === 'throw') throw new Error('of the listener');
  });
  const thrown = caught(t);
  const frame = masked(BINARY, bytes);
  peer.write(Buffer.concat([masked(TEXT, 'throw'), frame.subarray(0, 10000)]));
  await until(() => thrown.length === 1);
  peer.write(Buffer.concat([frame.subarray(10000), masked(TEXT, 'throw'), masked(TEXT, 'behind')]));
  await until(() => thrown.length === 2);
  peer.write(masked(TEXT, 'last'));
  await until(() => got.length === 5);
  assert.ok(got[1].equals(bytes));
  assert.deepStrictEqual([got[0], ...got.slice(2)], ['throw', 'throw', 'behind', 'last']);
});

it('a long message may begin with the upgrade', async (t) => {
  const bytes = patterned(150000);
  const frame = masked(BINARY, bytes);
  const { ws, peer } = await openServer(t, { extra: frame.subarray(0, 9000) });
  const got = [];
  ws.on('message', ({ data }) => got.push(data));
  peer.write(Buffer.concat([frame.subarray(9000), masked(TEXT, 'behind')]));
  await until(() => got.length === 2);
  assert.ok(got[0].equals(bytes));
  assert.strictEqual(got[1], 'behind');
});

it('long messages of one turn, and of the next ones, arrive as they were sent', async (t) => {
  const { ws, peer } = await openServer(t);
  const bytes = Buffer.alloc(300000);
  for (const turn of [0, 1]) {
    for (let i = 0; i < 60; i++) {
      // More than the system takes, and overwritten at once.
      ws.send(bytes.fill(i));
      ws.send(String(i % 10).repeat(300000 - turn));
    }
    for (let i = 0; i < 60; i++) {
      assert.ok((await peer.frame()).payload.equals(Buffer.alloc(300000, i)));
      assert.ok((await peer.frame()).payload.equals(Buffer.alloc(300000 - turn, String(i % 10))));
    }
  }
});

it('fragments, the last of which is long, with a ping between them', async (t) => {
  const { ws, peer } = await openServer(t);
  const message = next(ws, 'message');
  const bytes = patterned(900000);
  peer.write(masked(BINARY, bytes.subarray(0, 100000), { fin: false }));
  peer.write(masked(PING, 'x'));
  peer.write(masked(CONTINUATION, bytes.subarray(100000)));
  assert.ok((await message).data.equals(bytes));
  assert.strictEqual((await peer.frame()).payload.toString(), 'x');
});

it('a long text that becomes ill-formed is 1007 with nothing delivered', async (t) => {
  const { ws, peer } = await openServer(t);
  const log = record(ws);
  const text = Buffer.alloc(1000000, 'a');
  text[700000] = 0xff;
  peer.write(masked(TEXT, text));
  await until(() => log.some(([type]) => type === 'close'));
  const reason = 'Could not decode a text frame as UTF-8';
  assert.deepStrictEqual(log, [['error', reason], ['end'], ['close', 1007, reason]]);
});

it('close() in the middle of a long message: the connection closes with the peer\'s close frame', async (t) => {
  const { ws, peer } = await openServer(t);
  const log = record(ws);
  const frame = masked(BINARY, patterned(1000000));
  peer.write(Buffer.concat([masked(PING, 'x'), frame.subarray(0, 400000)]));
  await peer.frame();
  // 400,000 bytes are under way: they arrive in some chunks.
  await until(() => ws._stream.bytesRead > 300000);
  ws.close(3000, 'enough');
  assert.strictEqual((await peer.frame()).opcode, CLOSE);
  peer.write(Buffer.concat([frame.subarray(400000), masked(CLOSE, closePayload(3000, 'enough'))]));
  await until(() => log.some(([type]) => type === 'close'));
  assert.deepStrictEqual(log, [['end'], ['close', 3000, 'enough']]);
});

it('a \'data\' listener added to the socket in the middle of a long message loses no byte of it', async (t) => {
  const { ws, peer } = await openServer(t);
  const message = next(ws, 'message');
  const bytes = patterned(2000000);
  const frame = masked(BINARY, bytes);
  peer.write(frame.subarray(0, 700000));
  await until(() => ws._stream.bytesRead > 600000);
  let seen = 0;
  ws._stream.on('data', (chunk) => { seen += chunk.length; });
  peer.write(frame.subarray(700000));
  assert.ok((await message).data.equals(bytes));
  assert.ok(seen >= 1300000 - 100000);
});

it('pause() and resume() in the middle of a long message', async (t) => {
  const { ws, peer } = await openServer(t);
  const message = next(ws, 'message');
  const bytes = patterned(3000000);
  const frame = masked(BINARY, bytes);
  peer.write(frame.subarray(0, 500000));
  await until(() => ws._stream.bytesRead > 400000);
  ws.pause();
  peer.write(frame.subarray(500000));
  ws.resume();
  assert.ok((await message).data.equals(bytes));
});

it('a connection that breaks in the middle of a long message is 1006', async (t) => {
  const { ws, peer } = await openServer(t);
  const log = record(ws);
  peer.write(masked(BINARY, patterned(1000000)).subarray(0, 500000));
  await until(() => ws._stream.bytesRead > 400000);
  peer.end();
  await until(() => log.some(([type]) => type === 'close'));
  assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
});
