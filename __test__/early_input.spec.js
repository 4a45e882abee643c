'use strict';

// A client that does not wait for the server's answer before it sends.

const assert = require('node:assert');
const zlib = require('node:zlib');

const { it } = require('./support/spec');
const { TEXT, masked } = require('./support/frames');
const { request } = require('./support/handshakes');
const { openServer } = require('./support/sides');
const { until } = require('./support/record');

const RSV1 = 4;

function compressed(text) {
  const bytes = zlib.deflateRawSync(text, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  return masked(TEXT, bytes.subarray(0, -4), { rsv: RSV1 });
}

it('a plug-in that is added when the connection has opened, with messages that came with the request', async (t) => {
  const added = [];
  const seen = [];
  const nothing = { name: 'x', type: 'permessage', rsv1: false, rsv2: false, rsv3: false };
  const { ws, peer } = await openServer(t, {
    extra: masked(TEXT, 'early'),
    setUp: (ws) => {
      ws.on('open', () => {
        added.push(ws._driver.addExtension(nothing));
        ws.send('a');
        ws.send(Buffer.from('b'));
      });
      ws.on('message', ({ data }) => seen.push(data));
    },
  });
  assert.deepStrictEqual(added, [false]);
  assert.strictEqual((await peer.frame()).payload.toString(), 'a');
  assert.strictEqual((await peer.frame()).payload.toString(), 'b');
  ws.send('c');
  assert.strictEqual((await peer.frame()).payload.toString(), 'c');
  assert.deepStrictEqual(seen, ['early']);
});

it('a message with the request is inflated on another thread, and more messages arrive meanwhile', async (t) => {
  const long = 'x'.repeat(24 << 20);
  const seen = [];
  const { peer } = await openServer(t, {
    settings: { deflate: true },
    head: request({ 'Sec-WebSocket-Extensions': 'permessage-deflate' }),
    extra: Buffer.concat([compressed(long), masked(TEXT, 'second')]),
    setUp: (ws) => ws.on('message', ({ data }) => seen.push(data)),
  });
  for (const text of ['third', 'fourth', 'fifth']) {
    peer.write(masked(TEXT, text));
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  await until(() => seen.length === 5);
  assert.strictEqual(seen.shift(), long);
  assert.deepStrictEqual(seen, ['second', 'third', 'fourth', 'fifth']);
});
