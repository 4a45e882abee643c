'use strict';

// What it costs a client to open a connection and to close it: `node bench/client_open.js [FOLDER...]`. Folders with
// packages take turns, each time in a process of its own, so that what else the machine does falls on all alike.
// Prints the medians of CPU time per connection, in microseconds.

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const path = require('node:path');
const { execFileSync, fork } = require('node:child_process');
const { once } = require('node:events');

const ROUNDS = 9;
const WARM = 200;
const COUNT = 1000;
const TLS = path.join(__dirname, '..', '__test__', 'fixtures', 'tls');
const read = (name) => fs.readFileSync(path.join(TLS, name));

function serve() {
  const { WebSocketServer } = require('ws');
  const servers = [http.createServer(), https.createServer({ cert: read('server.crt'), key: read('server.key') })];
  for (const server of servers) new WebSocketServer({ server });
  for (const server of servers) server.listen(0, '127.0.0.1');
  Promise.all(servers.map((server) => once(server, 'listening'))).then(() => {
    process.send(servers.map((server) => server.address().port));
  });
}

async function measure(folder, url) {
  const { Client } = require(path.resolve(folder));
  const ca = read('ca.crt');
  const open = () => new Promise((resolve, reject) => {
    const ws = new Client(url, [], { tls: { ca } });
    ws.on('open', () => ws.close());
    ws.on('error', ({ message }) => reject(new Error(message)));
    ws.on('close', resolve);
  });
  for (let i = 0; i < WARM; i++) await open();
  const before = process.cpuUsage();
  for (let i = 0; i < COUNT; i++) await open();
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(String((user + system) / COUNT));
  process.exit(0);
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

async function compare(folders) {
  const server = fork(__filename, ['serve']);
  const [[plain, secure]] = await once(server, 'message');
  for (const url of [`ws://localhost:${plain}/`, `wss://localhost:${secure}/`]) {
    const results = folders.map(() => []);
    for (let round = 0; round < ROUNDS; round++) {
      folders.forEach((folder, i) => {
        results[i].push(Number(execFileSync(process.execPath, [__filename, 'measure', folder, url])));
      });
    }
    folders.forEach((folder, i) => {
      process.stdout.write(`${url.split(':')[0].padEnd(4)} ${median(results[i]).toFixed(0).padStart(5)} µs  ${folder}\n`);
    });
  }
  server.kill();
}

const [command, ...rest] = process.argv.slice(2);
if (command === 'serve') serve();
else if (command === 'measure') measure(...rest);
else compare(process.argv.length > 2 ? process.argv.slice(2) : [path.join(__dirname, '..')]);
