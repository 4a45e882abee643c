'use strict';

// A short battery for every runtime and platform: what a user does first, over real sockets, with the package and the
// runtime alone. It needs no test runner and no development dependency.
//
//   node __test__/smoke.js [FOLDER OF THE PACKAGE]

const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');

const folder = path.resolve(process.argv[2] || path.join(__dirname, '..'));
const WebSocket = require(folder);
const { Client, EventSource } = WebSocket;

const DEADLINE = 20000 * Number(process.env.SMOKE_PATIENCE || 1); // milliseconds for one check
const fixture = (name) => fs.readFileSync(path.join(__dirname, 'fixtures', 'tls', name));
const ca = fixture('ca.crt');

const checks = [];
const check = (name, body) => checks.push([name, body]);

// ---- servers, closed with their check

let closing = [];

async function listen(server, at = [0, '127.0.0.1']) {
  const sockets = new Set();
  server.on(server instanceof https.Server ? 'secureConnection' : 'connection', (socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
  });
  server.listen(...at);
  await once(server, 'listening');
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}

/** A server of ours that echoes; `sockets` are its connections. */
async function echo({ secure = false, options, at } = {}) {
  const server = secure
    ? https.createServer({ key: fixture('server.key'), cert: fixture('server.crt') }) : http.createServer();
  const sockets = [];
  server.on('upgrade', (request, socket, head) => {
    const ws = new WebSocket(request, socket, head, ['echo'], options);
    sockets.push(ws);
    ws.on('message', ({ data }) => ws.send(data));
  });
  return { port: await listen(server, at), sockets };
}

/** An HTTP proxy that tunnels; `asked` are the authorities it was asked for. */
async function proxy() {
  const server = http.createServer();
  const asked = [];
  server.on('connect', (request, socket) => {
    asked.push(request.url);
    const upstream = net.connect(Number(request.url.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy());
  });
  return { origin: `http://127.0.0.1:${await listen(server)}`, asked };
}

// ---- conversations

const next = (emitter, type) => new Promise((resolve) => emitter.once(type, resolve));

function opened(ws) {
  return new Promise((resolve, reject) => {
    ws.once('open', () => resolve(ws));
    ws.once('error', (event) => reject(new Error(event.message)));
  });
}

/** Sends texts and bytes, short and long, gets them back, and closes. */
async function converse(url, options, protocols = ['echo']) {
  const ws = await opened(new Client(url, protocols, options));
  assert.strictEqual(ws.protocol, 'echo');
  for (const data of ['hëllo', 'x'.repeat(70000), Buffer.from([0, 1, 255]), Buffer.alloc(1 << 20, 7)]) {
    ws.send(data);
    const { data: echoed } = await next(ws, 'message');
    assert.ok(typeof data === 'string' ? echoed === data : Buffer.isBuffer(echoed) && echoed.equals(data));
  }
  assert.strictEqual(await new Promise((resolve) => ws.ping('p', () => resolve('pong'))), 'pong');
  ws.close(3001, 'enough');
  const { code, reason } = await next(ws, 'close');
  assert.deepStrictEqual([code, reason], [3001, 'enough']);
}

async function failing(url, options) {
  const ws = new Client(url, [], options);
  const told = [];
  ws.on('open', () => told.push('open'));
  ws.on('error', ({ message }) => told.push(message));
  const { code } = await next(ws, 'close');
  assert.deepStrictEqual([told.length, code], [1, 1006], told.join());
  return told[0];
}

// ---- the checks

check('import sees what require sees', async () => {
  const { pathToFileURL } = require('node:url');
  const imported = await import(pathToFileURL(path.join(folder, 'index.js')).href);
  assert.strictEqual(imported.default, WebSocket);
  assert.strictEqual(imported.Client, Client);
});

check('ws: texts and bytes, short and long, a ping, a close code', async () => {
  await converse(`ws://127.0.0.1:${(await echo()).port}/`);
});

check('ws by the name localhost', async () => {
  await converse(`ws://localhost:${(await echo()).port}/`);
});

check('wss with an authority of its own', async () => {
  await converse(`wss://localhost:${(await echo({ secure: true })).port}/`, { ca });
});

check('wss with an unknown authority is refused', async () => {
  const message = await failing(`wss://localhost:${(await echo({ secure: true })).port}/`);
  assert.match(message, /^Network error: .*(certificate|issuer|authority|UnknownIssuer)/i);
});

check('a port that nobody listens on', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert.match(await failing(`ws://127.0.0.1:${port}/`), /ECONNREFUSED/);
});

for (const secure of [false, true]) {
  const scheme = secure ? 'wss' : 'ws';
  check(`${scheme} through a proxy`, async () => {
    const { port } = await echo({ secure });
    const { origin, asked } = await proxy();
    await converse(`${scheme}://localhost:${port}/`, { ca, proxy: { origin } });
    assert.deepStrictEqual(asked, [`localhost:${port}`]);
  });
}

check('a client that Node dials', async () => {
  const { port } = await echo();
  await converse(`ws://127.0.0.1:${port}/`, { net: { lookup: require('node:dns').lookup } });
});

check('connections that are read and written through streams only', async () => {
  const { port } = await echo({ options: { kernelSocket: false } });
  await converse(`ws://127.0.0.1:${port}/`, { kernelSocket: false });
});

check('deflate, natively', async () => {
  const { port, sockets } = await echo({ options: { deflate: true } });
  const ws = await opened(new Client(`ws://127.0.0.1:${port}/`, [], { deflate: true }));
  assert.match(ws.headers['sec-websocket-extensions'], /permessage-deflate/);
  const text = 'again and again '.repeat(50000);
  for (let i = 0; i < 3; i++) {
    ws.send(text);
    assert.ok((await next(ws, 'message')).data === text);
  }
  sockets[0].close();
  assert.strictEqual((await next(ws, 'close')).code, 1000);
});

check('broadcast', async () => {
  const { port, sockets } = await echo();
  const clients = await Promise.all(Array.from({ length: 20 }, () => opened(new Client(`ws://127.0.0.1:${port}/`))));
  const told = Promise.all(clients.map((ws) => next(ws, 'message')));
  const { sent, skipped } = WebSocket.broadcast(sockets, 'to all');
  assert.deepStrictEqual([sent, skipped.length], [20, 0]);
  assert.deepStrictEqual((await told).map(({ data }) => data), clients.map(() => 'to all'));
  await Promise.all(clients.map((ws) => { ws.close(); return next(ws, 'close'); }));
});

check('streams: a readable piped in, the socket piped on', async () => {
  const { port } = await echo();
  const { PassThrough, Readable } = require('node:stream');
  const ws = await opened(new Client(`ws://127.0.0.1:${port}/`));
  const out = ws.pipe(new PassThrough());
  let text = '';
  out.on('data', (chunk) => { text += chunk; if (text === 'abc') ws.close(); });
  Readable.from(['a', 'b', 'c']).pipe(ws, { end: false });
  await next(out, 'end');
  assert.strictEqual(text, 'abc');
});

check('EventSource', async () => {
  const server = http.createServer((request, response) => {
    assert.ok(EventSource.isEventSource(request));
    const stream = new EventSource(request, response, { retry: 2 });
    stream.send('one\ntwo', { event: 'news', id: 7 });
  });
  const port = await listen(server);
  const request = http.get({ port, host: '127.0.0.1', headers: { accept: 'text/event-stream' } });
  const [response] = await once(request, 'response');
  assert.match(response.headers['content-type'], /^text\/event-stream/);
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk;
    if (text.includes('data: two')) break;
  }
  request.destroy();
  assert.match(text, /retry: 2000[^]*event: news[^]*id: 7[^]*data: one\r?\ndata: two/);
});

if (process.platform !== 'win32') {
  check('a Unix socket', async () => {
    const name = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'smoke-')), 's');
    await echo({ at: [name] });
    await converse(`ws+unix:${name}:/`);
    fs.rmSync(path.dirname(name), { recursive: true });
  });
}

if (typeof globalThis.WebSocket === 'function') {
  check("the runtime's own WebSocket client", async () => {
    const { port } = await echo();
    const ws = new globalThis.WebSocket(`ws://127.0.0.1:${port}/`, 'echo');
    ws.binaryType = 'arraybuffer';
    await new Promise((resolve, reject) => { ws.onopen = resolve; ws.onerror = reject; });
    ws.send('text');
    assert.strictEqual((await new Promise((resolve) => { ws.onmessage = resolve; })).data, 'text');
    ws.send(new Uint8Array(200000).fill(3));
    assert.ok(Buffer.from((await new Promise((resolve) => { ws.onmessage = resolve; })).data).equals(Buffer.alloc(200000, 3)));
    const closed = new Promise((resolve) => { ws.onclose = resolve; });
    ws.close(3002, 'done');
    assert.strictEqual((await closed).code, 3002);
  });
}

const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const http = require('node:http');
  const WebSocket = require(workerData.folder);
  const server = http.createServer().on('upgrade', (request, socket, head) => {
    const ws = new WebSocket(request, socket, head);
    ws.on('message', ({ data }) => ws.send(data));
  }).listen(0, '127.0.0.1', () => {
    const ws = new WebSocket.Client('ws://127.0.0.1:' + server.address().port + '/');
    let count = 0;
    ws.on('open', () => ws.send('x'.repeat(10000)));
    ws.on('message', ({ data }) => { if (++count === 20) parentPort.postMessage('busy'); ws.send(data); });
    ws.on('error', ({ message }) => parentPort.postMessage(message));
  });`;

check('workers that are ended while they serve', async () => {
  for (let round = 0; round < 2; round++) {
    const workers = Array.from({ length: 3 }, () => new Worker(WORKER, { eval: true, workerData: { folder } }));
    const told = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
    assert.deepStrictEqual(told, workers.map(() => 'busy'));
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  // And this thread still works.
  await converse(`ws://127.0.0.1:${(await echo()).port}/`);
});

// ---- run

function within(promise) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${DEADLINE / 1000} s`)), DEADLINE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

(async () => {
  let failed = 0;
  process.stdout.write(`${describeRuntime()}\n`);
  for (const [name, body] of checks) {
    try {
      await within(body());
      process.stdout.write(`ok      ${name}\n`);
    } catch (error) {
      failed++;
      process.stdout.write(`FAILED  ${name}: ${error && error.stack || error}\n`);
    }
    for (const close of closing) close();
    closing = [];
  }
  process.stdout.write(`smoke: ${checks.length - failed} passed, ${failed} failed\n`);
  process.exitCode = failed ? 1 : 0;
  // What is left open by a check that failed must not hold the process.
  setTimeout(() => process.exit(process.exitCode), 5000).unref();
})();

function describeRuntime() {
  const { versions, platform, arch } = process;
  const runtime = versions.bun ? `Bun ${versions.bun}` : versions.deno ? `Deno ${versions.deno}` : `Node.js ${versions.node}`;
  return `${runtime} on ${platform}-${arch}`;
}
