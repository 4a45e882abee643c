'use strict';

// Back-pressure of clients, on both paths: nothing collects in this process for a peer, or a listener, that is slow.

const assert = require('node:assert');
const dns = require('node:dns');

const { WebSocket } = require('./support/package_under_test');
const { it } = require('./support/spec');
const { next, until } = require('./support/record');
const { ca, rawServer } = require('./support/network');
const { response } = require('./support/handshakes');
const { BINARY, frame } = require('./support/frames');

const MIB = 1024 * 1024;

/** More than two kernels hold for one connection over loopback. */
const PLENTY = 64 * MIB;

/** An open client, and the server's end of it, which does not read. */
async function connected(t, scheme, net) {
  let peer;
  const { port } = await rawServer(t, (socket) => {
    peer = socket;
    socket.once('data', (head) => socket.pause().write(response(head.toString('latin1'))));
  }, { secure: scheme === 'wss' });
  const ws = new WebSocket.Client(`${scheme}://127.0.0.1:${port}/`, [], { tls: { ca }, net });
  t.after(() => ws._stream.destroy());
  await next(ws, 'open');
  return { ws, peer };
}

for (const [path, net] of [['native', undefined], ['node', { lookup: dns.lookup }]]) {
  for (const scheme of ['ws', 'wss']) {
    it(`send is false while a server does not read, and drain follows: ${scheme}, ${path}`, async (t) => {
      const { ws, peer } = await connected(t, scheme, net);
      const message = Buffer.alloc(MIB);
      const silence = () => Promise.race([
        next(ws, 'drain').then(() => false),
        new Promise((resolve) => setTimeout(resolve, 500, true)),
      ]);
      let sent = 0;
      while (ws.send(message) || !await silence()) {
        sent += message.length;
        assert.ok(sent < PLENTY, 'took it all');
        await new Promise(setImmediate);
      }
      assert.ok(ws.bufferedAmount > 0);
      const drain = next(ws, 'drain');
      peer.resume();
      await drain;
      await until(() => ws.bufferedAmount === 0);
    });

    it(`a paused client stops the server's sending, and loses nothing: ${scheme}, ${path}`, async (t) => {
      const { ws, peer } = await connected(t, scheme, net);
      ws.pause();
      const message = frame(BINARY, Buffer.alloc(MIB));
      let written = 0;
      let stalled = false;
      while (!stalled) {
        if (peer.write(message)) await new Promise(setImmediate);
        else {
          // Nothing moved for as long as that: everybody's buffers are full.
          stalled = await Promise.race([
            new Promise((resolve) => peer.once('drain', () => resolve(false))),
            new Promise((resolve) => setTimeout(resolve, 500, true)),
          ]);
        }
        written++;
        assert.ok(written < PLENTY / MIB, 'never stopped the server');
      }
      let received = 0;
      ws.on('message', () => received++);
      ws.resume();
      await until(() => received === written);
    });
  }
}
