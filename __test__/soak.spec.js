'use strict';

// Many connections at once, with messages of every size: each side gets what the other sent, in order, although
// buffers are overwritten as soon as they have been sent, and both sides pause now and then.

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const path = require('node:path');
const { once } = require('node:events');
const ws = require('ws');

const WebSocket = require('..');
const { it } = require('./support/spec');
const { random } = require('./differential/random');

const CONNECTIONS = 12;
const MESSAGES = 80;
const SIZES = [300, 5000, 20000, 70000, 200000, 6000000];

const tlsFile = (name) => fs.readFileSync(path.join(__dirname, 'fixtures', 'tls', name));

/** A message and, to compare with, another one like it. */
function message(choose) {
  // Of six sizes the longest is the rarest.
  const size = choose.int(SIZES[Math.min(choose.int(6), choose.int(6))]);
  if (choose.chance(0.4)) {
    const text = 'é'.repeat(choose.int(4)) + 'a'.repeat(size);
    return [text, text];
  }
  const bytes = Buffer.alloc(size, choose.bytes(251));
  return [bytes, Buffer.from(bytes)];
}

/** Sends some messages at a time and resolves when all have come back. `peer` sends and says how it hears. */
function converse(peer, seed, index) {
  const choose = random(seed, index);
  return new Promise((resolve, reject) => {
    const expected = [];
    let left = MESSAGES;
    const say = () => {
      for (let count = Math.min(left, 1 + choose.int(6)); count > 0; count--, left--) {
        const [sent, copy] = message(choose);
        expected.push(copy);
        peer.send(sent);
        if (peer.copies && typeof sent !== 'string') sent.fill(0);
      }
    };
    peer.hear((data) => {
      const next = expected.shift();
      const same = typeof next === 'string' ? data === next : Buffer.isBuffer(data) && data.equals(next);
      if (!same) return reject(new Error(`message ${MESSAGES - left - expected.length} of connection ${index} differs`));
      if (left === 0 && expected.length === 0) return resolve();
      if (expected.length === 0 || choose.chance(0.3)) say();
      if (peer.pause && choose.chance(0.05)) peer.pause();
    }, reject);
    say();
  });
}

async function listening(t, scheme) {
  const server = scheme === 'wss'
    ? https.createServer({ cert: tlsFile('server.crt'), key: tlsFile('server.key') })
    : http.createServer();
  const sockets = new Set();
  server.on(scheme === 'wss' ? 'secureConnection' : 'connection', (socket) => sockets.add(socket));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `${scheme}://localhost:${server.address().port}/` };
}

function pauseForATick(socket) {
  socket.pause();
  setImmediate(() => socket.resume());
}

for (const scheme of ['ws', 'wss']) {
  it(`${scheme}: our server`, { timeout: 60000 }, async (t) => {
    const { server, url } = await listening(t, scheme);
    server.on('upgrade', (request, socket, head) => {
      const ours = new WebSocket(request, socket, head);
      let heard = 0;
      ours.on('message', ({ data }) => {
        ours.send(data);
        if (typeof data !== 'string') data.fill(0);
        if (++heard % 20 === 0) pauseForATick(ours);
      });
    });
    await Promise.all(Array.from({ length: CONNECTIONS }, async (_, index) => {
      const client = new ws.WebSocket(url, { ca: tlsFile('ca.crt'), perMessageDeflate: false });
      await once(client, 'open');
      await converse({
        send: (data) => client.send(data),
        hear: (listener, failed) => {
          client.on('message', (data, isBinary) => listener(isBinary ? data : String(data)));
          client.on('close', (code) => failed(new Error(`closed with ${code}`)));
        },
        pause: () => pauseForATick(client),
      }, 1, index);
    }));
  });

  it(`${scheme}: our client`, { timeout: 60000 }, async (t) => {
    const { server, url } = await listening(t, scheme);
    const peers = new ws.WebSocketServer({ server, perMessageDeflate: false });
    peers.on('connection', (peer) => peer.on('message', (data, binary) => peer.send(data, { binary })));
    await Promise.all(Array.from({ length: CONNECTIONS }, async (_, index) => {
      const client = new WebSocket.Client(url, [], { tls: { ca: tlsFile('ca.crt') } });
      await once(client, 'open');
      await converse({
        copies: true,
        send: (data) => client.send(data),
        hear: (listener, failed) => {
          client.on('message', ({ data }) => listener(data));
          client.on('close', ({ code, reason }) => failed(new Error(`closed with ${code} ${reason}`)));
        },
        pause: () => pauseForATick(client),
      }, 2, index);
    }));
  });
}
