'use strict';

/**
 * Clients against one echo server, over loopback, one connection at a time:
 *
 *     node bench/client_echo.js [--rounds 5] [--seconds 1] [--size 64] [--only wss] [--server ours]
 *
 * The server is that of the package ws, or ours: with many messages in flight the former is slower than
 * any client, and only its speed is measured.
 *
 * Every client has a process of its own; rounds are interleaved. Besides messages per second it
 * prints what a message costs: CPU time of the main thread, and of the whole process (all threads,
 * user and system), in microseconds. On a busy machine only those say something.
 */

const { fork } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const path = require('node:path');
const { once } = require('node:events');
const { parseArgs } = require('node:util');

const { target } = require('./peers');

const tlsFile = (name) => fs.readFileSync(path.join(__dirname, '../__test__/fixtures/tls', name));

/** Each opens a connection: `send(bytes)`, `close()`, and the two callbacks. */
const CLIENTS = {
  ours: (url, onOpen, onMessage) => faye(require(target), url, onOpen, onMessage),
  ws(url, onOpen, onMessage) {
    const { WebSocket } = require('ws');
    return new WebSocket(url, { ca: tlsFile('ca.crt'), perMessageDeflate: false }).on('open', onOpen).on('message', onMessage);
  },
  original: (url, onOpen, onMessage) => faye(require('faye-websocket'), url, onOpen, onMessage),
};

function faye({ Client }, url, onOpen, onMessage) {
  return new Client(url, [], { tls: { ca: tlsFile('ca.crt') } }).on('open', onOpen).on('message', onMessage);
}

/** Nanoseconds that the main thread has been on a processor; null where the system does not tell. */
function mainThread() {
  try {
    return Number(fs.readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[0]);
  } catch {
    return null;
  }
}

function allThreads() {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

/** Keeps `inFlight` messages on the way for a while, after as long a while to warm up. */
function measure(open, { url, inFlight, size, seconds }) {
  return new Promise((resolve, reject) => {
    const payload = Buffer.alloc(size, 'x');
    let count = 0;
    let start = null;
    let stopping = false;
    let waiting = inFlight;
    const socket = open(url, () => {
      for (let i = 0; i < inFlight; i++) socket.send(payload);
      setTimeout(() => {
        start = { count, at: process.hrtime.bigint(), main: mainThread(), all: allThreads() };
        setTimeout(() => (stopping = true), seconds * 1000);
      }, seconds * 500);
    }, () => {
      count++;
      if (!stopping) return socket.send(payload);
      if (--waiting > 0) return;
      const messages = count - start.count;
      const main = mainThread();
      resolve({
        rate: messages / (Number(process.hrtime.bigint() - start.at) / 1e9),
        main: main === null ? NaN : (main - start.main) / messages / 1000,
        all: (allThreads() - start.all) / messages / 1000,
      });
      socket.close();
    });
    socket.on('error', (error) => reject(new Error(error.message)));
  });
}

function listen(servers) {
  const ports = {};
  for (const [scheme, server] of Object.entries(servers)) {
    server.listen(0, '127.0.0.1', () => {
      ports[scheme] = server.address().port;
      if (Object.keys(ports).length === 2) process.send(ports);
    });
  }
}

function serve(name) {
  const credentials = { cert: tlsFile('server.crt'), key: tlsFile('server.key') };
  if (name === 'ours') {
    const WebSocket = require(target);
    const upgrade = (request, socket, head) => {
      const ws = new WebSocket(request, socket, head);
      ws.on('message', (event) => ws.send(event.data));
    };
    return listen({ ws: http.createServer().on('upgrade', upgrade), wss: https.createServer(credentials).on('upgrade', upgrade) });
  }
  const { WebSocketServer } = require('ws');
  const echo = (ws) => ws.on('message', (data, binary) => ws.send(data, { binary }));
  const servers = { ws: http.createServer(), wss: https.createServer(credentials) };
  for (const server of Object.values(servers)) new WebSocketServer({ server, perMessageDeflate: false }).on('connection', echo);
  listen(servers);
}

function client(name) {
  process.on('message', async (job) => process.send(await measure(CLIENTS[name], job)));
  process.send('ready');
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

async function main() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '1' },
      size: { type: 'string', default: '64' },
      only: { type: 'string', default: '' },
      server: { type: 'string', default: 'ws' },
    },
  });
  const start = async (...args) => {
    const child = fork(__filename, args);
    const [message] = await once(child, 'message');
    return { child, message };
  };
  const server = await start('server', values.server);
  const names = Object.keys(CLIENTS);
  const processes = {};
  for (const name of names) processes[name] = (await start('client', name)).child;

  for (const scheme of ['ws', 'wss'].filter((one) => !values.only || one === values.only)) {
    for (const inFlight of [1, 64]) {
      const results = Object.fromEntries(names.map((name) => [name, []]));
      for (let round = 0; round < Number(values.rounds); round++) {
        for (let i = 0; i < names.length; i++) {
          const name = names[(i + round) % names.length];
          processes[name].send({
            url: `${scheme}://127.0.0.1:${server.message[scheme]}/`, inFlight,
            size: Number(values.size), seconds: Number(values.seconds),
          });
          results[name].push((await once(processes[name], 'message'))[0]);
        }
      }
      console.log(`\n${scheme}, ${inFlight} in flight, ${values.size} bytes, server ${values.server}`);
      const of = (name, what) => median(results[name].map((result) => result[what]));
      for (const name of names) {
        const ratio = (what) => (of(name, what) / of('ws', what)).toFixed(2);
        console.log(
          `${name.padEnd(9)} ${of(name, 'rate').toFixed(0).padStart(7)} messages/s (${ratio('rate')} of ws)` +
          `   main thread ${of(name, 'main').toFixed(2).padStart(6)} µs (${ratio('main')})` +
          `   all threads ${of(name, 'all').toFixed(2).padStart(6)} µs (${ratio('all')})`);
      }
    }
  }
  for (const child of [server.child, ...Object.values(processes)]) child.disconnect();
}

const [role, name] = process.argv.slice(2);
if (process.send && role === 'server') {
  serve(name);
  process.on('disconnect', () => process.exit());
} else if (process.send && role === 'client') {
  client(name);
  process.on('disconnect', () => process.exit());
} else main();
