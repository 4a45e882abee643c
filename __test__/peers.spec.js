'use strict';

// Our server and our client against implementations we did not write: ws, and Python's websockets where it is installed.

const assert = require('node:assert');
const http = require('node:http');
const path = require('node:path');
const { once } = require('node:events');
const { spawn, spawnSync } = require('node:child_process');
const ws = require('ws');
const WebSocket = require('..');

const { SLOW, after, before, describe, it } = require('./support/spec');

const MESSAGES = ['', 'text', 'grüße 日本語 🎉', 'x'.repeat(126), 'y'.repeat(70000), Buffer.alloc(0), Buffer.from([0, 255, 128]),
  Buffer.alloc(65536, 7), Buffer.alloc(300000, 9)];

/** An echo server of ours; resolves with its URL. */
async function ourServer(t) {
  const server = http.createServer().listen(0, '127.0.0.1');
  server.on('upgrade', (request, socket, head) => {
    const socketOfOurs = new WebSocket(request, socket, head, ['echo']);
    socketOfOurs.pipe(socketOfOurs);
  });
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `ws://127.0.0.1:${server.address().port}/`;
}

/** Sends every message at once through a client of ours and resolves when all came back, in order, and the close is done. */
async function echoThrough(url) {
  const client = new WebSocket.Client(url, ['echo']);
  const heard = [];
  const closed = once(client, 'close');
  client.on('message', ({ data }) => {
    heard.push(data);
    if (heard.length === MESSAGES.length) client.close(3003, 'enough');
  });
  client.on('open', () => MESSAGES.forEach((message) => client.send(message)));
  client.on('error', ({ message }) => heard.push(`error: ${message}`));
  const [{ code, reason }] = await closed;
  assert.deepStrictEqual(heard, MESSAGES);
  assert.strictEqual(client.protocol, 'echo');
  return { code, reason };
}

describe('ws', { timeout: 60000 }, () => {
  it('as a client of our server', SLOW, async (t) => {
    const peer = new ws.WebSocket(await ourServer(t), 'echo');
    const heard = [];
    peer.on('message', (data, binary) => {
      heard.push(binary ? data : String(data));
      if (heard.length === MESSAGES.length) peer.ping('are you there');
    });
    await once(peer, 'open');
    for (const message of MESSAGES) peer.send(message);
    const [pong] = await once(peer, 'pong');
    assert.strictEqual(String(pong), 'are you there');
    assert.deepStrictEqual(heard, MESSAGES);
    assert.strictEqual(peer.protocol, 'echo');
    peer.close(4001, 'bye');
    const [code, reason] = await once(peer, 'close');
    assert.deepStrictEqual([code, String(reason)], [4001, 'bye']);
  });

  it('as a server of our client', SLOW, async (t) => {
    const server = new ws.WebSocketServer({ port: 0, host: '127.0.0.1' });
    t.after(() => server.close());
    server.on('connection', (peer) => peer.on('message', (data, binary) => peer.send(data, { binary })));
    await once(server, 'listening');
    const { code } = await echoThrough(`ws://127.0.0.1:${server.address().port}/`);
    assert.strictEqual(code, 3003);
  });
});

const python = process.env.PYTHON || 'python3';
const hasPython = spawnSync(python, ['-c', 'import websockets.asyncio.client']).status === 0;

describe('Python websockets', { timeout: 60000, skip: !hasPython && `${python} has no websockets` }, () => {
  const script = path.join(__dirname, 'fixtures', 'python_peer.py');

  it('as a client of our server', SLOW, async (t) => {
    const { status, stdout, stderr } = await run(python, [script, 'client', await ourServer(t)]);
    assert.strictEqual(status, 0, stderr);
    assert.strictEqual(stdout.trim(), 'all came back, protocol echo, extensions none, closed 1000');
  });

  describe('as a server of our client', () => {
    let child;
    before(() => { child = spawn(python, [script, 'server'], { stdio: ['ignore', 'pipe', 'inherit'] }); });
    after(() => child.kill());

    it('echoes', SLOW, async () => {
      const [port] = await once(child.stdout, 'data');
      const { code } = await echoThrough(`ws://127.0.0.1:${Number(port)}/`);
      assert.strictEqual(code, 3003);
    });
  });
});

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args);
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => { output[name] += text; });
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, ...output }));
  });
}
