'use strict';

// What is sent when the process is about to end arrives: Node calls no listener after those of 'exit'.

const assert = require('node:assert');
const path = require('node:path');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');
const https = require('node:https');
const { WebSocket: Peer, WebSocketServer } = require('ws');

const { it, describe } = require('./support/spec');
const { listening, pair, ca } = require('./support/network');

// Node's TLS streams take one write in a turn of the loop, and there is no further turn: that has to be enough.
const WAYS = [
  ['server, kernel path', { side: 'server', secure: false, settings: {} }],
  ['server, streams', { side: 'server', secure: false, settings: { kernelSocket: false } }],
  ['server, TLS', { side: 'server', secure: true, settings: {}, isNodesTLS: true }],
  ['client, ws', { side: 'client', secure: false, settings: {} }],
  ['client, wss', { side: 'client', secure: true, settings: {}, isNodesTLS: process.env.FAYE_WEBSOCKET_KERNEL_SOCKET === '0' || !['linux', 'darwin'].includes(process.platform) }],
  ['client, ws through Node', { side: 'client', secure: false, settings: { throughNode: true } }],
  ['client, wss through Node', { side: 'client', secure: true, settings: { throughNode: true }, isNodesTLS: true }],
];

describe("messages sent in an 'exit' listener", () => {
  for (const [name, way] of WAYS) {
    for (const place of ['listener', 'timer']) {
      it(`${name}: process.exit() in a ${place}`, { timeout: 60000 }, async (t) => {
        const scheme = way.secure ? 'wss' : 'ws';
        const start = (url) => {
          const child = fork(path.join(__dirname, 'fixtures/exiting_process.js'), [JSON.stringify({ ...way, place, url })]);
          t.after(() => child.kill('SIGKILL'));
          return child;
        };
        let peer;
        if (way.side === 'server') {
          const [port] = await once(start(), 'message');
          peer = new Peer(`${scheme}://127.0.0.1:${port}/`, { ca });
          await once(peer, 'open');
        } else {
          const server = await listening(t, way.secure ? https.createServer(pair('server')) : http.createServer());
          const peers = new WebSocketServer({ server });
          start(`${scheme}://127.0.0.1:${server.address().port}/`);
          [peer] = await once(peers, 'connection');
        }
        const got = [];
        peer.on('message', (data, isBinary) => got.push(isBinary ? data.length : data.toString().slice(0, 10)));
        peer.on('error', () => {});
        peer.send('go');
        await once(peer, 'close');
        assert.deepStrictEqual(got, way.isNodesTLS ? ['last words'] : ['before', 'last words', 'xxxxxxxxxx', 40000]);
      });
    }
  }
});
