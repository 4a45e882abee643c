'use strict';

// undici's WebSocket over HTTP/2, which insists on the answer to its key.

const assert = require('node:assert');

const { it } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { http2Server } = require('./support/http2_sides');

const [major, minor] = process.versions.node.split('.').map(Number);
const skip = (major < 20 || (major === 20 && minor < 18)) && 'undici needs Node.js 20.18';

it('undici talks to us over HTTP/2', { skip }, async (t) => {
  const { WebSocket: Client, Agent } = require('undici');
  const keys = [];
  const { port, sessions } = await http2Server(t, (stream, headers) => {
    keys.push(headers['sec-websocket-key']);
    const ws = new WebSocket({ headers }, stream, null, ['b'], { deflate: true });
    ws.on('message', ({ data }) => ws.send(data));
  }, { secure: true });
  const dispatcher = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
  t.after(() => dispatcher.destroy());
  const sent = ['hello', 'x'.repeat(100_000), new Uint8Array([1, 2, 3])];
  const got = [];
  const said = await new Promise((resolve, reject) => {
    const client = new Client(`wss://127.0.0.1:${port}/`, { protocols: ['a', 'b'], dispatcher });
    client.binaryType = 'arraybuffer';
    client.onopen = () => sent.forEach((message) => client.send(message));
    client.onerror = ({ error }) => reject(error);
    client.onmessage = ({ data }) => {
      got.push(typeof data === 'string' ? data : new Uint8Array(data));
      if (got.length === sent.length) client.close(3001, 'bye');
    };
    client.onclose = ({ code, reason, wasClean }) => resolve([client.protocol, client.extensions, code, reason, wasClean]);
  });
  assert.deepStrictEqual(said, ['b', 'permessage-deflate', 3001, 'bye', true]);
  assert.deepStrictEqual(got, sent);
  assert.strictEqual(keys.length, 1);
  assert.ok(keys[0]);
  assert.strictEqual(sessions.size, 1);
});
