'use strict';

// Messages that are sent while they are made, and read while they arrive.

const assert = require('node:assert');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { once } = require('node:events');
const { pipeline } = require('node:stream/promises');
const { Readable } = require('node:stream');
const { text, buffer } = require('node:stream/consumers');

const { keepsMemory } = require('./support/node');
const { it, describe, SLOW } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { names, open } = require('./support/paths');
const { openServer, serverSide } = require('./support/sides');
const { record, next, until } = require('./support/record');
const { CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG, closePayload, masked } = require('./support/frames');
const { EXTENSIONS, RSV1, compress, deflatingServer } = require('./support/compression');
const handshakes = require('./support/handshakes');

const MIB = 1 << 20;

/** The frames a peer was sent, as [opcode, FIN, payload]. */
async function frames(peer, many) {
  const got = [];
  for (let i = 0; i < many; i++) {
    const { opcode, fin, payload } = await peer.frame();
    got.push([opcode, fin, opcode === BINARY ? payload : payload.toString()]);
  }
  return got;
}

/** The streams that a socket is given, each with what is known of it. */
function streams(ws) {
  const got = [];
  ws.on('stream', (stream, about) => got.push({ stream, ...about }));
  return got;
}

const written = (writer, chunk) => new Promise((resolve, reject) => {
  writer.write(chunk, (error) => (error ? reject(error) : resolve()));
});

for (const one of names) {
  describe(`message writers: ${one}`, () => {
    it('each chunk is a fragment; messages sent meanwhile follow, pings are sent between fragments', async (t) => {
      const { ws, peer, frame } = await open(t, one);
      const writer = ws.stream({ binary: false });
      await written(writer, 'one ');
      let told = false;
      ws.send('after', () => (told = true));
      ws.send(Buffer.from('after that'));
      WebSocket.broadcast([ws], 'by broadcast');
      const second = ws.stream();
      second.write('bytes');
      second.end();
      ws.send('last');
      peer.write(frame(PING, 'x'));
      assert.deepStrictEqual(await frames(peer, 2), [[TEXT, false, 'one '], [PONG, true, 'x']]);
      assert.ok(ws.bufferedAmount > 0 && !told);
      writer.write('two');
      writer.end();
      assert.deepStrictEqual(await frames(peer, 8), [
        [CONTINUATION, false, 'two'], [CONTINUATION, true, ''],
        [TEXT, true, 'after'], [BINARY, true, Buffer.from('after that')], [TEXT, true, 'by broadcast'],
        [BINARY, false, Buffer.from('bytes')], [CONTINUATION, true, ''], [TEXT, true, 'last'],
      ]);
      await until(() => told);
    });

    it('backpressure: a writer waits for a peer that does not read', SLOW, async (t) => {
      const { ws, peer } = await open(t, one);
      peer.socket.pause();
      let made = 0;
      const source = function* () {
        for (; made < 1000; made++) yield Buffer.alloc(65536, made);
      };
      const piped = pipeline(Readable.from(source(), { objectMode: false }), ws.stream());
      await until(() => ws.bufferedAmount > 0);
      let before;
      do {
        before = made;
        await new Promise((resolve) => setTimeout(resolve, 100));
      } while (made > before);
      // What the system and the streams hold.
      assert.ok(made < 500, `${made} chunks were made for a peer that reads nothing`);
      peer.socket.resume();
      let length = 0;
      for (let isOver = false; !isOver;) {
        const { fin, payload } = await peer.frame();
        length += payload.length;
        isOver = fin;
      }
      await piped;
      assert.deepStrictEqual([made, length], [1000, 1000 * 65536]);
    });

    it('a writer destroyed before the end of its message closes the connection with 1011', async (t) => {
      const { ws, peer, frame } = await open(t, one);
      const log = record(ws, ['error', 'close']);
      ws.stream().destroy();
      ws.send('nothing was lost');
      const writer = ws.stream();
      await written(writer, 'begun');
      writer.destroy();
      ws.send('not any more');
      assert.deepStrictEqual(await frames(peer, 2), [[TEXT, true, 'nothing was lost'], [BINARY, false, Buffer.from('begun')]]);
      const { opcode, payload } = await peer.frame();
      assert.deepStrictEqual([opcode, payload], [CLOSE, closePayload(1011, 'A message was given up')]);
      peer.write(frame(CLOSE, payload));
      await until(() => log.length > 0);
      assert.deepStrictEqual(log, [['close', 1011, 'A message was given up']]);
    });

    it('a connection that closes ends its writers and readers', async (t) => {
      const { ws, peer, frame } = await open(t, one, { settings: { streamAbove: 10 } });
      const [begun, waits] = [ws.stream(), ws.stream()];
      const errors = [];
      for (const writer of [begun, waits]) writer.on('error', ({ message }) => errors.push(message));
      await written(begun, 'x');
      const got = streams(ws);
      peer.write(frame(BINARY, Buffer.alloc(20), { fin: false }));
      await until(() => got.length === 1);
      got[0].stream.on('error', ({ message }) => errors.push(message)).resume();
      const closed = next(ws, 'close');
      peer.destroy();
      await closed;
      await until(() => errors.length === 3);
      assert.deepStrictEqual(new Set(errors), new Set(['The WebSocket closed before the message was complete']));
      assert.ok(begun.destroyed && waits.destroyed && got[0].stream.destroyed);
      assert.throws(() => ws.stream(), { message: 'A message can be streamed only while the WebSocket is open' });
    });
  });

  describe(`message readers: ${one}`, () => {
    it('longer messages come as readers, in one frame or in many; shorter ones as message events', async (t) => {
      const { ws, peer, frame } = await open(t, one, { settings: { streamAbove: 1000 } });
      const got = streams(ws);
      const log = record(ws, ['message']);
      const long = Buffer.alloc(300000, 'long');
      const words = 'äöü€𝄞'.repeat(1000);
      const bytes = Buffer.from(words);
      peer.write(Buffer.concat([
        frame(TEXT, 'short'), frame(BINARY, long), frame(BINARY, Buffer.alloc(1000, 1)),
        frame(TEXT, bytes.subarray(0, 501), { fin: false }), frame(PING, ''), frame(CONTINUATION, bytes.subarray(501), { fin: false }),
        frame(CONTINUATION, ''), frame(TEXT, 'end'),
      ]));
      await until(() => got.length === 1);
      assert.deepStrictEqual([got[0].binary, await buffer(got[0].stream)], [true, long]);
      await until(() => got.length === 2);
      assert.deepStrictEqual([got[1].binary, await text(got[1].stream)], [false, words]);
      await until(() => log.length === 3);
      assert.deepStrictEqual(log.map(([, data]) => data), ['short', Buffer.alloc(1000, 1), 'end']);
      assert.deepStrictEqual((await peer.frame()).opcode, PONG);
    });

    it('backpressure: no more is read of the socket than the reader has room for', SLOW, async (t) => {
      const settings = { streamAbove: 1000, maxLength: 1000 * MIB };
      const { ws, peer, frame } = await open(t, one, { settings });
      const got = streams(ws);
      const count = 300;
      const chunk = Buffer.alloc(65536, 'c');
      let said = 0;
      (async () => {
        for (; said < count; said++) {
          const [opcode, fin] = [said === 0 ? BINARY : CONTINUATION, said === count - 1];
          if (!peer.socket.write(frame(opcode, chunk, { fin }))) await once(peer.socket, 'drain');
        }
        peer.write(frame(TEXT, 'after'));
      })();
      await until(() => got.length === 1);
      let before;
      do {
        before = said;
        await new Promise((resolve) => setTimeout(resolve, 100));
      } while (said > before);
      assert.ok(said < count - 20, `${said} of ${count} chunks were taken for nobody`);
      assert.ok(got[0].stream.readableLength < MIB, `${got[0].stream.readableLength} bytes wait`);
      const after = next(ws, 'message');
      let length = 0;
      for await (const part of got[0].stream) {
        length += part.length;
        if (length % 7 === 0) await new Promise(setImmediate);
      }
      assert.strictEqual(length, count * chunk.length);
      assert.strictEqual((await after).data, 'after');
    });

    it('the application\'s own pause outlasts a reader\'s', async (t) => {
      const { ws, peer, frame } = await open(t, one, { settings: { streamAbove: 10 } });
      const got = streams(ws);
      const log = record(ws, ['message']);
      ws.on('stream', () => ws.pause());
      peer.write(Buffer.concat([frame(BINARY, Buffer.alloc(30000))]));
      await until(() => got.length === 1);
      got[0].stream.resume();
      await new Promise((resolve) => setTimeout(resolve, 50));
      peer.write(frame(TEXT, 'later'));
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.deepStrictEqual(log, []);
      ws.resume();
      await until(() => log.length === 1);
      assert.strictEqual((await buffer(got[0].stream)).length, 0);
    });

    it('after a reader is destroyed, the rest of its message is skipped', async (t) => {
      const { ws, peer, frame } = await open(t, one, { settings: { streamAbove: 1000 } });
      ws.on('stream', (stream) => stream.once('data', () => stream.destroy()));
      const message = next(ws, 'message');
      peer.write(Buffer.concat([frame(BINARY, Buffer.alloc(500000)), frame(TEXT, 'after')]));
      assert.strictEqual((await message).data, 'after');
    });

    it('closes with 1011 without a listener, 1009 for a message too long, 1007 for ill-formed text', async (t) => {
      for (const [settings, bytes, reason, code] of [
        [{}, Buffer.alloc(2000), 'Nobody listens for messages as streams', 1011],
        [{ maxLength: 3000 }, Buffer.alloc(4000), 'WebSocket frame length too large', 1009],
        [{}, Buffer.alloc(2000, 0xff), 'Could not decode a text frame as UTF-8', 1007],
      ]) {
        const { ws, peer, frame } = await open(t, one, { settings: { streamAbove: 1000, ...settings } });
        const log = record(ws, ['message', 'error', 'close']);
        if (code !== 1011) ws.on('stream', (stream) => stream.resume());
        peer.write(frame(TEXT, bytes));
        await until(() => log.length === 2);
        assert.deepStrictEqual(log, [['error', reason], ['close', code, reason]]);
      }
    });
  });
}

describe('texts written in parts', () => {
  it('characters may be divided between chunks, of either kind', async (t) => {
    const { ws, peer } = await openServer(t);
    const writer = ws.stream({ binary: false });
    for (const chunk of ['a\ud834', '\udd1e', Buffer.from('€').subarray(0, 2), Buffer.from('€').subarray(2), 'z', '!\ud834']) writer.write(chunk);
    // What completes no character is replaced where it stands.
    writer.write(Buffer.from('y'));
    writer.write('c3a4', 'hex');
    writer.end('\ud834');
    let bytes = Buffer.alloc(0);
    for (let isOver = false; !isOver;) {
      const { fin, payload } = await peer.frame();
      bytes = Buffer.concat([bytes, payload]);
      isOver = fin;
    }
    assert.strictEqual(bytes.toString(), 'a𝄞€z!\ufffdyä\ufffd');
  });

  it('bytes that are no UTF-8 are an error, and end the connection if something was sent', async (t) => {
    const { ws, peer } = await openServer(t);
    const writer = ws.stream({ binary: false });
    await written(writer, 'begun');
    const failed = once(writer, 'error');
    writer.write(Buffer.from([0xff]));
    const [{ name, message }] = await failed;
    assert.deepStrictEqual([name, message], ['TypeError', 'The bytes of a text must be UTF-8']);
    await peer.frame();
    assert.deepStrictEqual((await peer.frame()).payload, closePayload(1011, 'A message was given up'));
  });
});

it('compressed connections: parts are sent as they are, and compressed messages are read whole', async (t) => {
  const { ws, peer } = await deflatingServer(t, { deflate: { threshold: 0 }, streamAbove: 100 });
  const long = Buffer.alloc(600000, 'compressible ');
  ws.send(long);
  const writer = ws.stream();
  writer.end('as it is');
  ws.send('again');
  const got = [];
  for (let i = 0; i < 4; i++) got.push(await peer.frame());
  assert.deepStrictEqual(got.map(({ opcode, rsv, fin }) => [opcode, rsv, fin]),
    [[BINARY, RSV1, true], [BINARY, 0, false], [CONTINUATION, 0, true], [TEXT, RSV1, true]]);
  const message = next(ws, 'message');
  peer.write(masked(BINARY, compress(Buffer.alloc(5000, 'x')), { rsv: RSV1 }));
  assert.strictEqual((await message).data.length, 5000);
});

it('where a message cannot be streamed, `stream` says why', async (t) => {
  const { ws } = await openServer(t);
  assert.throws(() => ws.stream({ binary: 1 }), { name: 'TypeError', message: 'binary must be true or false' });
  assert.throws(() => ws.stream({ binry: true }), { name: 'TypeError', message: 'Unrecognized option: binry' });
  const plugin = { name: 'x', type: 'permessage', rsv1: true, rsv2: false, rsv3: false, createServerSession: () => ({
    generateResponse: () => ({}), processIncomingMessage: (m, then) => then(null, m), processOutgoingMessage: (m, then) => then(null, m), close() {},
  }) };
  const plugged = await openServer(t, { settings: { extensions: [plugin] }, head: handshakes.request({ [EXTENSIONS]: 'x' }) });
  assert.throws(() => plugged.ws.stream(), { message: 'Extension plug-ins encode whole messages only' });
  const old = await serverSide(t, { head: handshakes.request75() });
  await until(() => old.ws.readyState === 1);
  assert.throws(() => old.ws.stream(), { message: 'hixie-75 has no fragmented messages' });
  for (const value of ['1', -1, 1.5, NaN]) {
    assert.throws(() => new WebSocket.Client('ws://localhost:1/', [], { streamAbove: value }), { message: 'streamAbove must be an integer number of bytes' });
  }
});

it('a message of 1 GiB in each direction takes less than 64 MiB of memory', { timeout: 180000 }, async () => {
  const fixture = path.join(__dirname, 'fixtures', 'gigabyte.js');
  const stdout = await new Promise((resolve, reject) => {
    execFile(process.execPath, ['--expose-gc', fixture, String(1024 * MIB)], { timeout: 170000 }, (error, out, err) => (
      error ? reject(new Error(`${error.message}\n${err}`)) : resolve(out)));
  });
  for (const { received, grown } of JSON.parse(stdout)) {
    assert.strictEqual(received, 1024 * MIB);
    assert.ok(keepsMemory || grown < 64 * MIB, `${Math.round(grown / MIB)} MiB`);
  }
});
