'use strict';

// Listeners that throw where the process goes on all the same (`uncaughtException`): whatever would have come after
// comes after.

const assert = require('node:assert');

const { it, describe } = require('./support/spec');
const { until } = require('./support/record');
const { names, open } = require('./support/paths');
const { TEXT, BINARY } = require('./support/frames');

/** The messages of all that is thrown during a test. */
function caught(t) {
  const thrown = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => thrown.push(error.message));
  t.after(() => {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  });
  return thrown;
}

function received(ws, throwsAt) {
  const got = [];
  ws.on('message', ({ data }) => {
    got.push(data);
    if (throwsAt(data)) throw new Error(`at ${String(data).slice(0, 20)}`);
  });
  return got;
}

for (const path of names) {
  describe(`listeners that throw: ${path}`, () => {
    it('a chunk that comes while an older one waits is kept, however often they throw', async (t) => {
      const thrown = caught(t);
      const { ws, peer, frame } = await open(t, path);
      const got = received(ws, (data) => /[1-6]$/.test(data));
      for (const [i, texts] of [['A1', 'A2'], ['A3', 'A4'], ['A5', 'A6']].entries()) {
        peer.write(Buffer.concat(texts.map((text) => frame(TEXT, text))));
        await until(() => thrown.length === i + 1);
      }
      for (let i = 4; i <= 6; i++) {
        peer.write(frame(TEXT, 'quiet'));
        await until(() => thrown.length === i);
      }
      peer.write(frame(TEXT, 'last'));
      await until(() => got.includes('last'));
      assert.deepStrictEqual(got, ['A1', 'A2', 'A3', 'A4', 'A5', 'A6', 'quiet', 'quiet', 'quiet', 'last']);
      assert.strictEqual(ws.readyState, 1);
    });

    it('frames that are cut anywhere are still whole', async (t) => {
      const thrown = caught(t);
      const { ws, peer, frame } = await open(t, path);
      const messages = Array.from({ length: 60 }, (_, i) => (i % 7 === 3 ? Buffer.alloc(3000 * i, i) : `message ${i}`));
      const wire = Buffer.concat(messages.map((message) => frame(typeof message === 'string' ? TEXT : BINARY, message)));
      let count = 0;
      const got = received(ws, () => ++count % 3 === 0);
      const before = ws._stream.bytesRead;
      for (let from = 0; from < wire.length; from += 41777) {
        peer.write(wire.subarray(from, from + 41777));
        await until(() => ws._stream.bytesRead - before >= Math.min(from + 41777, wire.length));
      }
      let quiet = 0;
      while (got.length < messages.length + quiet) {
        peer.write(frame(TEXT, 'quiet'));
        quiet++;
        const { length } = thrown;
        await until(() => thrown.length > length || got.length === messages.length + quiet);
      }
      assert.deepStrictEqual(got.slice(0, messages.length), messages);
      assert.strictEqual(ws.readyState, 1);
    });
  });
}
