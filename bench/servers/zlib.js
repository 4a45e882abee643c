'use strict';

// No WebSocket and no socket: what zlib itself costs, called synchronously in the thread of the
// loop. It inflates what a client would have sent and compresses it again.

const zlib = require('node:zlib');

const { flush, messages } = require('../harness/deflate_stream');

const TAIL = Buffer.from([0, 0, 255, 255]);

/** As many warm pairs of streams as there are connections. */
const pairs = ({ size, connections, deflate }) => Array.from({ length: connections }, (_, i) => {
  const stream = zlib.createDeflateRaw();
  const packed = messages(i, size).map((each) => {
    if (deflate === 'alone') stream.reset();
    return Buffer.concat([flush(stream, each).subarray(0, -4), TAIL]);
  });
  stream.close();
  return { packed, next: 0, inflate: zlib.createInflateRaw(), deflate: zlib.createDeflateRaw() };
});

let open = [];
let alone = false;

const echo = (pair) => {
  if (alone) {
    pair.inflate.reset();
    pair.deflate.reset();
  }
  flush(pair.deflate, flush(pair.inflate, pair.packed[pair.next++ % pair.packed.length]));
};

process.on('message', (message) => {
  if (message.open) {
    alone = message.open.deflate === 'alone';
    open = pairs(message.open);
  } else {
    const before = process.cpuUsage();
    for (let i = 0; i < message.count; i++) echo(open[i % open.length]);
    const { user, system } = process.cpuUsage(before);
    return process.send({ cpuUs: user + system });
  }
  process.send({ opened: true });
});
process.on('disconnect', () => process.exit());
process.send({ port: 0, about: {} });
