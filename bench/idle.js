#!/usr/bin/env node
'use strict';

/**
 * What connections cost a server while nobody says anything, with and without the options that watch over
 * peers:
 *
 *     node bench/idle.js [--connections 5000] [--seconds 30] [--rounds 2] [--only "pings,all on"]
 *
 * Every variant has a server process of its own, and its clients another; rounds are interleaved. It prints
 * resident and heap bytes per connection, CPU time (user and system, all threads) per second, and how many
 * pings the clients have answered in that time.
 */

const { fork } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { Server } = require('./harness/server');
const { peers } = require('./peers');

const PINGS = { ping: 10 };
const SILENT = { idleTimeout: 60, closeTimeout: 5, maxLifetime: 3600 };
const BOUNDS = {
  maxBackpressure: 1048576, onBackpressure: 'drop', maxFragments: 1000, maxMessageRate: 100, maxPingRate: 10
};

const VARIANTS = {
  'none': ['ours', {}],
  'timeouts': ['ours', SILENT],
  'bounds': ['ours', BOUNDS],
  'pings': ['ours', PINGS],
  'all on': ['ours', { ...PINGS, pongTimeout: 5, ...SILENT, ...BOUNDS }],
  'all on (streams)': ['oursStream', { ...PINGS, pongTimeout: 5, ...SILENT, ...BOUNDS }],
  'original: none': ['original', {}],
  'original: pings': ['original', PINGS],
};

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '2' },
    only: { type: 'string', default: '' }
  }
});
const connections = Number(values.connections);

const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const median = (list) => list.sort((one, other) => one - other)[Math.floor(list.length / 2)];

async function measure([name, options]) {
  const peer = { ...peers[name], env: { ...peers[name].env, BENCH_OPTIONS: JSON.stringify(options) } };
  const server = await Server.start(peer, { spec: { mode: 'idle', connections } }, { certificate: '' });
  const clients = fork(path.join(__dirname, 'harness', 'idle_clients.js'));
  const ask = async (question) => {
    clients.send(question);
    const [reply] = await once(clients, 'message');
    return reply;
  };
  try {
    const before = await server.sample({ collect: true });
    await ask({ port: server.port, count: connections });
    const opened = await server.sample({ collect: true });
    if (opened.connections !== connections) throw new Error(`${opened.connections} connections are open`);
    const [start, pings] = [await server.sample(), await ask('count')];
    await sleep(Number(values.seconds));
    const [end, more] = [await server.sample(), await ask('count')];
    if (end.connections !== connections) throw new Error(`${end.connections} connections are left`);
    return {
      rss: (opened.rss - before.rss) / connections,
      heap: (opened.heap - before.heap) / connections,
      cpu: (end.cpuUs - start.cpuUs) / 1000 / values.seconds,
      pings: (more - pings) / values.seconds
    };
  } finally {
    clients.disconnect();
    await server.stop();
  }
}

async function main() {
  const only = values.only.split(',').filter(Boolean);
  const chosen = Object.entries(VARIANTS).filter(([name]) => only.length === 0 || only.includes(name));
  const results = new Map(chosen.map(([name]) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, variant] of chosen) results.get(name).push(await measure(variant));
  }
  process.stdout.write(`| ${connections} connections | RSS each | heap each | CPU ms/s | pings/s |\n|---|--:|--:|--:|--:|\n`);
  for (const [name, rounds] of results) {
    const of = (key) => median(rounds.map((round) => round[key]));
    process.stdout.write(`| ${name} | ${Math.round(of('rss'))} B | ${Math.round(of('heap'))} B | ` +
      `${of('cpu').toFixed(1)} | ${of('pings').toFixed(0)} |\n`);
  }
}

main().catch((error) => {
  process.stderr.write(`idle: ${error.stack}\n`);
  process.exitCode = 1;
});
