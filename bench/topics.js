#!/usr/bin/env node
'use strict';

/**
 * What a message for 1,000 subscribers costs: `node bench/topics.js [--rounds 9]`. The ways take turns on one machine;
 * prints the medians of the server's CPU time per delivery, all threads, and the ratio to `ws`'s loop. With
 * `UWEBSOCKETS` set (see peers.js), uWebSockets takes part.
 */

const { parseArgs } = require('node:util');

const { choose } = require('./harness/cores');
const loadgen = require('./harness/loadgen');
const { measure } = require('./harness/measure');
const { Server } = require('./harness/server');
const { peers, target } = require('./peers');

const SPEC = {
  mode: 'broadcast', size: 128, connections: 1000, perTurn: 10, warmUp: { milliseconds: 100 }, measure: { milliseconds: 400 }
};

const ours = (way) => ({ script: 'topics.js', args: [target, way] });
const WAYS = {
  'publish': ours('publish'),
  'publish, from another thread': ours('threads'),
  'broadcast': ours('broadcast'),
  'a loop of send': ours('send'),
  'ws, a loop of send': { script: 'ws.js' },
  'faye-websocket 0.11.4, a loop of send': { script: 'topics.js', args: ['faye-websocket', 'send'] },
  ...(peers.uwebsockets && { 'uWebSockets (native), publish': peers.uwebsockets })
};

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '9' } } });
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

async function main() {
  const cores = choose();
  loadgen.build();
  const names = Object.keys(WAYS);
  const costs = Object.fromEntries(names.map((name) => [name, []]));
  const workload = { spec: SPEC };
  for (let round = 0; round < Number(options.rounds); round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length];
      const server = await Server.start(WAYS[name], workload, { core: cores?.server });
      try {
        costs[name].push((await measure(workload, WAYS[name], server, cores?.generator)).cpuUs);
      } finally {
        await server.stop();
      }
    }
  }
  const base = median(costs['ws, a loop of send']);
  for (const name of names) {
    const cost = median(costs[name]);
    process.stdout.write(`${cost.toFixed(3).padStart(7)} µs  ${(cost / base).toFixed(2).padStart(5)} ×  ${name}\n`);
  }
}

main();
