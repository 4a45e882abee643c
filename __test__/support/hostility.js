'use strict';

// What specs of hostile peers share.

const assert = require('node:assert');

const { openServer } = require('./sides');
const { record, until } = require('./record');
const { TEXT, masked } = require('./frames');

const WAYS = [
  ['in one chunk', (peer, bytes) => peer.write(bytes)],
  ['byte by byte', (peer, bytes) => peer.drip(bytes)]
];

/** Fails unless a fresh connection to the package under test still echoes. */
async function alive(t) {
  const { ws, peer } = await openServer(t);
  ws.on('message', ({ data }) => ws.send(data));
  peer.write(masked(TEXT, 'alive'));
  assert.strictEqual((await peer.frame()).payload.toString(), 'alive');
  peer.destroy();
}

/** Resolves with the arguments of the close event and the error before it. */
async function end(ws) {
  const log = record(ws, ['error', 'close']);
  await until(() => log.some(([type]) => type === 'close'));
  const [, code, reason] = log.find(([type]) => type === 'close');
  const error = log.find(([type]) => type === 'error');
  return { code, reason, error: error && error[1] };
}

module.exports = { WAYS, alive, end };
