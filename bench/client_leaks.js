'use strict';

/**
 * What clients leave behind in their process:
 *
 *     node --expose-gc bench/client_leaks.js [--clients 1000] [--workers 10]
 *
 * Opens and closes so many clients, 50 at a time, over ws: and wss:, and counts threads, descriptors
 * and memory before and after (after as many to warm up); then terminates 12 workers so many times
 * while their clients are busy, and counts exit codes.
 */

const { fork } = require('node:child_process');
const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');
const { once } = require('node:events');
const { parseArgs } = require('node:util');
const { Worker } = require('node:worker_threads');

const { target } = require('./peers');

const AT_ONCE = 50;
const tlsFile = (name) => fs.readFileSync(path.join(__dirname, '../__test__/fixtures/tls', name));

function serve() {
  const { WebSocketServer } = require('ws');
  const echo = (ws) => ws.on('message', (data, binary) => ws.send(data, { binary })).on('error', () => {});
  const plain = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }).on('connection', echo);
  const server = https.createServer({ cert: tlsFile('server.crt'), key: tlsFile('server.key') });
  new WebSocketServer({ server, perMessageDeflate: false }).on('connection', echo);
  server.listen(0, '127.0.0.1', () => process.send({ ws: plain.address().port, wss: server.address().port }));
  process.on('disconnect', () => process.exit());
}

async function count() {
  // Descriptors are closed by other threads, and finalizers run in turns of their own.
  for (let i = 0; i < 20; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  const entries = (what) => fs.existsSync(`/proc/self/${what}`) ? fs.readdirSync(`/proc/self/${what}`).length : NaN;
  const MB = (bytes) => (bytes / 1e6).toFixed(1);
  return { threads: entries('task'), descriptors: entries('fd'), rss: MB(rss), heap: MB(heapUsed), external: MB(external) };
}

async function churn(url, clients) {
  const { Client } = require(target);
  const tls = { ca: tlsFile('ca.crt') };
  for (let i = 0; i < clients; i += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, clients - i) }, async () => {
      const ws = new Client(url, [], { tls });
      ws.on('error', (event) => console.error(event.message));
      ws.on('open', () => ws.send('x'));
      ws.on('message', () => ws.close());
      await new Promise((resolve) => ws.on('close', resolve));
    }));
  }
}

async function terminate(url) {
  const script = `
    const { Client } = require(${JSON.stringify(target)});
    const { parentPort } = require('node:worker_threads');
    for (let i = 0; i < 4; i++) {
      const ws = new Client(${JSON.stringify(url)}, [], { tls: { ca: ${JSON.stringify(tlsFile('ca.crt').toString())} } });
      ws.on('open', () => { for (let n = 0; n < 8; n++) ws.send('x'.repeat(5000)); });
      ws.on('message', (event) => ws.send(event.data));
      ws.once('message', () => parentPort.postMessage('busy'));
    }`;
  const workers = Array.from({ length: 12 }, () => new Worker(script, { eval: true }));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  return Promise.all(workers.map((worker) => worker.terminate()));
}

async function main() {
  const { values } = parseArgs({
    options: { clients: { type: 'string', default: '1000' }, workers: { type: 'string', default: '10' } },
  });
  if (!globalThis.gc) throw new Error('needs node --expose-gc');
  const server = fork(__filename, ['server'], { execArgv: [] });
  const [ports] = await once(server, 'message');
  for (const scheme of ['ws', 'wss']) {
    const url = `${scheme}://127.0.0.1:${ports[scheme]}/`;
    const clients = Number(values.clients);
    const fresh = await count();
    await churn(url, clients);
    const warm = await count();
    await churn(url, clients);
    console.log(`${scheme}: ${clients} clients`);
    console.table({ 'at the start': fresh, 'after a first run': warm, 'after a second': await count() });
    const codes = {};
    for (let i = 0; i < Number(values.workers); i++) {
      for (const code of await terminate(url)) codes[code] = (codes[code] || 0) + 1;
    }
    console.log('exit codes of terminated workers:', codes);
    console.log('then:', await count());
  }
  server.disconnect();
}

if (process.send && process.argv[2] === 'server') serve();
else main();
