'use strict';

// Messages that come in many chunks, on the path past Node's streams and on the streams.

const assert = require('node:assert');

const { it } = require('./support/spec');
const { openServer } = require('./support/sides');
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

it('long messages of one turn, and of the next ones, arrive as they were sent', async (t) => {
  const { ws, peer } = await openServer(t);
  const bytes = Buffer.alloc(300000);
  for (const turn of [0, 1]) {
    for (let i = 0; i < 20; i++) {
      // More than a socket's buffer holds, and overwritten at once.
      ws.send(bytes.fill(i));
      ws.send(String(i % 10).repeat(70000 + turn));
    }
    for (let i = 0; i < 20; i++) {
      assert.ok((await peer.frame()).payload.equals(Buffer.alloc(300000, i)));
      assert.ok((await peer.frame()).payload.equals(Buffer.alloc(70000 + turn, String(i % 10))));
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

it('close() in the middle of a long message ends it with the peer\'s answer', async (t) => {
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

it('somebody who begins to read the socket in the middle of a long message costs it nothing', async (t) => {
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
