'use strict';

// The memory of what was received: it is the application's alone, to overwrite and to transfer, from half of a pool on an
// ArrayBuffer of its own as the original's is; and Buffers that the application has transferred can still be sent.

const assert = require('node:assert');

const { it, describe } = require('./support/spec');
const { sameBytes } = require('./support/bytes');
const { record, until } = require('./support/record');
const { hasLoop, names, open } = require('./support/paths');
const { TEXT, BINARY, PING, PONG, CLOSE } = require('./support/frames');

const MAJOR = Number(process.versions.node.split('.')[0]);

/** Bytes from which on a Buffer has memory of its own: 4 or 32 KiB, by the version of Node.js. */
const POOL = Buffer.poolSize >>> 1;

/** Bytes that differ from place to place. */
function patterned(size, seed = 0) {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 7 + (i >> 8) + seed) & 255;
  return bytes;
}

/** Asserts that messages are the same, texts as texts and Buffers as Buffers. */
function assertSame(got, expected) {
  assert.strictEqual(got.length, expected.length);
  for (const [i, message] of expected.entries()) {
    if (typeof message === 'string') assert.strictEqual(got[i], message);
    else sameBytes(got[i], message);
  }
}

/** Transfers the memory of a message, if it can be: what a worker would get of it. */
function transferred(data) {
  const { byteOffset, length } = data;
  try {
    return Buffer.from(structuredClone(data.buffer, { transfer: [data.buffer] }), byteOffset, length);
  } catch (error) {
    assert.strictEqual(error.name, 'DataCloneError');
    return null;
  }
}

async function exchange(t, path, messages, options) {
  const side = await open(t, path, options);
  const got = [];
  side.ws.on('message', ({ data }) => got.push(options?.take ? options.take(data) : data));
  side.peer.write(Buffer.concat(messages.map((message) => (
    side.frame(typeof message === 'string' ? TEXT : BINARY, message)))));
  await until(() => got.length === messages.length);
  return got;
}

const CHUNKS = {
  'a message that fills its chunk, and a short text': [patterned(5000), 'after'],
  'unaligned, between others': ['abc', patterned(9000, 1), patterned(6000, 2), 'z'],
  'over several chunks': [patterned(8192, 3), patterned(32768, 4), 'x', patterned(150000, 5), 'end'],
  'of every size around those that make a difference': [1, 125, 126, 4095, 4096, 4097, 16384, 65535, 65536, 65537, 131072]
    .flatMap((size) => [patterned(size, size), `after ${size}`]),
};

for (const path of names) {
  describe(`memory of messages: ${path}`, () => {
    for (const [name, messages] of Object.entries(CHUNKS)) {
      it(`is transferred without that of other messages: ${name}`, async (t) => {
        const got = await exchange(t, path, messages, {
          take: (data) => (typeof data === 'string' ? data : data.length < POOL ? Buffer.from(data) : transferred(data)),
        });
        assertSame(got, messages);
      });

      it(`is not shared with other messages: ${name}`, async (t) => {
        const got = await exchange(t, path, messages);
        assertSame(got, messages);
        for (const data of got) {
          if (typeof data === 'string') continue;
          if (data.length >= POOL) {
            assert.deepStrictEqual([data.byteOffset, data.buffer.byteLength], [0, data.length]);
          } else {
            assert.strictEqual(data.byteOffset % 8, 0);
          }
          data.fill(0xee);
        }
        // None of them was part of another.
        assert.ok(got.every((data) => typeof data === 'string' || data.every((byte) => byte === 0xee)));
        assert.deepStrictEqual(got.filter((data) => typeof data === 'string'), messages.filter((m) => typeof m === 'string'));
      });
    }

    it('is aligned for numbers of every kind', async (t) => {
      const numbers = new Float64Array(1500).map((_, i) => i / 3);
      const [, data] = await exchange(t, path, ['abc', Buffer.from(numbers.buffer)]);
      assert.deepStrictEqual(new Float64Array(data.buffer, data.byteOffset, data.length / 8), numbers);
    });

    it('is not shared with other listeners of the socket', async (t) => {
      const chunks = [];
      const messages = [patterned(POOL + 2000), 'x', patterned(POOL + 30000, 1), patterned(80000, 2)];
      const got = await exchange(t, path, messages, {
        setUp: (ws, stream) => stream.on('data', (chunk) => chunks.push(chunk)),
        take: (data) => (typeof data === 'string' ? data : transferred(data)),
      });
      assertSame(got, messages);
      assert.ok(chunks.length > 0 && chunks.every((chunk) => chunk.length > 0));
    });

    const isCopied = hasLoop && /^client, wss?$/.test(path) && 'a native client gives such listeners copies';
    const isShared = MAJOR >= 26 && /TLS|wss/.test(path) && 'Node’s TLS reads several chunks into the same memory, and fails when it is gone';
    it('a chunk that another listener transfers while its messages are delivered fails the connection', { skip: isCopied || isShared }, async (t) => {
      const chunks = [];
      const side = await open(t, path, {
        setUp: (ws, stream) => stream.prependListener('data', (chunk) => chunks.push(chunk)),
      });
      const log = record(side.ws, ['message', 'error', 'close']);
      side.ws.on('message', ({ data }) => {
        if (data !== 'transfer') return;
        const { buffer } = chunks.at(-1);
        structuredClone(buffer, { transfer: [buffer] });
      });
      side.peer.write(Buffer.concat(['transfer', 'lost', 'lost too'].map((text) => side.frame(TEXT, text))));
      const { opcode, payload } = await side.peer.frame();
      const reason = 'The memory of received bytes was transferred before they were read';
      assert.deepStrictEqual([opcode, payload.readUInt16BE(), payload.toString('utf8', 2)], [CLOSE, 1011, reason]);
      side.peer.destroy();
      await until(() => log.at(-1)[0] === 'close');
      assert.deepStrictEqual(log, [['message', 'transfer'], ['error', reason], ['close', 1011, reason]]);
    });

    it('a Buffer that was transferred is sent as an empty message', async (t) => {
      const side = await open(t, path);
      for (const size of [10, 5000, 100000]) {
        const bytes = Buffer.from(new ArrayBuffer(size));
        structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
        side.ws.send(bytes);
        side.ws.ping(bytes);
        side.ws._driver.pong(bytes);
        side.ws.send(`after ${size}`);
        const sent = [];
        for (let i = 0; i < 4; i++) sent.push(await side.peer.frame());
        assert.deepStrictEqual(sent.map(({ opcode, payload }) => [opcode, payload.toString()]),
          [[BINARY, ''], [PING, ''], [PONG, ''], [TEXT, `after ${size}`]]);
      }
      const reason = Buffer.from(new ArrayBuffer(10));
      structuredClone(reason.buffer, { transfer: [reason.buffer] });
      side.ws._driver.close(reason, 1000);
      const { opcode, payload } = await side.peer.frame();
      assert.deepStrictEqual([opcode, payload.toString('hex')], [CLOSE, '03e8']);
    });

    it('a Buffer whose memory has become shorter is sent as it is then', async (t) => {
      if (ArrayBuffer.prototype.resize === undefined) return t.skip('no resizable memory in this version of Node.js');
      const side = await open(t, path);
      for (const size of [100, 6000, 100000]) {
        const memory = new ArrayBuffer(size, { maxByteLength: size });
        new Uint8Array(memory).fill(7);
        const [fixed, tracking] = [Buffer.from(memory, 8, size - 8), Buffer.from(memory)];
        memory.resize(size / 2);
        assert.ok(fixed.length < size && tracking.length <= size);
        const expected = [fixed, tracking].map((bytes) => Buffer.from(bytes));
        side.ws.send(fixed);
        side.ws.send(tracking);
        side.ws.send('after');
        for (const bytes of [...expected, Buffer.from('after')]) {
          assert.deepStrictEqual((await side.peer.frame()).payload, bytes);
        }
      }
    });
  });
}
