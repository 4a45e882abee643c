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

it('a message that takes long to inflate comes with the request, and more while it does', async (t) => {
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
