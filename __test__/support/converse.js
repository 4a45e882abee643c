'use strict';

const net = require('node:net');

const { WebSocket } = require('./package_under_test');
const { record, until } = require('./record');

/** Whether a client was dialled natively. */
const isNative = (ws) => !(ws._stream instanceof net.Socket);

/** Goes through an echo and leaves; resolves with the client and what it told until then. */
async function converse(t, url, options) {
  const ws = new WebSocket.Client(url, [], options);
  t.after(() => ws._stream.destroy());
  const log = record(ws);
  ws.send('there and back');
  await until(() => log.some(([type]) => type === 'message' || type === 'close'));
  return { ws, log, native: isNative(ws) };
}

module.exports = { converse, isNative };
