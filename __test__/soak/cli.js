#!/usr/bin/env node
'use strict';

// A long life in short: servers in one process and clients in another, for some minutes.
//
//   npm run soak -- [MINUTES] [--out FOLDER]
//
// Samples resident memory, heap, descriptors and threads of both, writes them and a chart to FOLDER (target/soak),
// and ends with 1 when one of them rises, or when a process ends or an echo differs.

const fs = require('node:fs');
const path = require('node:path');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { parseArgs } = require('node:util');

const { chart } = require('./chart');
const { judge } = require('./verdict');

const { values, positionals } = parseArgs({
  options: { out: { type: 'string', default: path.join(__dirname, '../../target/soak') } }, allowPositionals: true,
});
const minutes = Number(positionals[0] || 30);
if (!(minutes > 0)) throw new TypeError('MINUTES is a positive number');
/** Milliseconds between two samples. */
const interval = Math.max(1000, (minutes * 60000) / 200);

const series = { server: [], clients: [] };

/** Also when a process has ended: what led there is in the curve. */
function write() {
  fs.mkdirSync(values.out, { recursive: true });
  fs.writeFileSync(path.join(values.out, 'soak.json'), JSON.stringify(series));
  if (series.clients.length > 0) fs.writeFileSync(path.join(values.out, 'soak.svg'), chart(series));
}

function start(file, args) {
  const child = fork(path.join(__dirname, file), args, { execArgv: ['--expose-gc'] });
  child.on('exit', (code, signal) => {
    if (child.connected === false && child.finished) return;
    console.error(`${file} ended: ${signal || code}`);
    write();
    process.exit(1);
  });
  return child;
}

async function sample(child) {
  const answer = once(child, 'message');
  child.send('sample');
  return (await answer)[0].sample;
}

async function main() {
  const server = start('server.js', []);
  const [{ urls }] = await once(server, 'message');
  const clients = start('clients.js', urls);
  const started = Date.now();
  while (Date.now() - started < minutes * 60000) {
    await new Promise((resolve) => setTimeout(resolve, interval));
    const seconds = (Date.now() - started) / 1000;
    series.server.push({ seconds, ...await sample(server) });
    series.clients.push({ seconds, ...await sample(clients) });
  }
  const last = series.clients.slice(-6).map((each) => each.messages + each.connections);
  if (last.some((count, i) => i > 0 && count === last[i - 1])) {
    console.log('STANDS STILL: no message between two samples');
    process.exitCode = 1;
  }
  server.finished = clients.finished = true;
  clients.disconnect();
  server.disconnect();

  write();
  const { messages, connections, failures } = series.clients.at(-1);
  console.log(`${minutes} minutes: ${connections} connections, ${messages} echoes, ${failures} error events; ${path.join(values.out, 'soak.svg')}`);
  for (const [name, samples] of Object.entries(series)) {
    for (const { name: figure, rise, allowed, ok } of judge(samples)) {
      const said = (value) => (figure === 'rss' || figure === 'heap' ? `${(value / 1048576).toFixed(1)} MiB` : value.toFixed(1));
      console.log(`${ok ? 'flat' : 'RISES'}  ${name}, ${figure}: ${said(rise)}, ${said(allowed)} allowed; last ${said(samples.at(-1)[figure])}`);
      if (!ok) process.exitCode = 1;
    }
  }
}

main();
