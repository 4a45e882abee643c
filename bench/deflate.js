#!/usr/bin/env node
'use strict';

/**
 * What permessage-deflate costs a server: `node bench/deflate.js [--rounds 3] [--only <id>[,<id>]]
 * [--peers <name>[,<name>]]`. Prints tables; see README.md.
 */

const { spawn } = require('node:child_process');
const path = require('node:path');
const { once } = require('node:events');
const { parseArgs } = require('node:util');

const { choose, pinned } = require('./harness/cores');
const { Server } = require('./harness/server');
const { target } = require('./peers');

const CLIENT = path.join(__dirname, 'harness', 'deflate_client.js');
const KIB = 1024;

const PEERS = {
  ours: { script: 'faye.js', args: [target], env: { BENCH_DEFLATE: 'built-in' } },
  ws: { script: 'ws.js', env: { BENCH_DEFLATE: 'on' } },
  original: { script: 'faye.js', args: ['faye-websocket'], env: { BENCH_DEFLATE: 'plug-in' } },
  // What there is without compression.
  plain: { script: 'faye.js', args: [target], deflate: 'off' },
  zlib: { script: 'zlib.js' },
  // The same with one pair of streams for all connections, which never leaves the cache.
  zlibOne: { script: 'zlib.js', connections: 1 }
};

/** Messages a round: some tenths of a second for the slowest. */
const WORKLOADS = [
  [128, 100, 6000], [512, 100, 6000], [4 * KIB, 100, 2500], [64 * KIB, 16, 300], [512, 8, 5000], [512, 1000, 6000]
].flatMap(([size, connections, count]) => ['takeover', 'alone']
  .filter((deflate) => deflate === 'takeover' || connections === 100 || size > 4 * KIB)
  .map((deflate) => ({ id: `${size}x${connections}-${deflate}`, size, connections, count, deflate })));

const IDLE = { id: 'idle', size: 512, connections: 1000, count: 100000, deflate: 'takeover' };

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    peers: { type: 'string', default: '' }
  }
});

const list = (text) => text.split(',').filter(Boolean);
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const say = (text) => process.stdout.write(`${text}\n`);
const cores = choose();

const ask = async (child, message) => {
  const ended = () => child.emit('message', { error: 'a process has ended' });
  child.once('exit', ended);
  child.send(message);
  const [answer] = await once(child, 'message');
  child.off('exit', ended);
  if (answer.error) throw new Error(answer.error);
  return answer;
};

/** One server and what loads it. */
class Pair {
  static async start(peer, { size, connections, deflate }) {
    const pair = new Pair();
    pair.isBare = peer.script === 'zlib.js';
    pair.server = await Server.start(peer, { spec: { mode: 'echo' } }, { core: cores?.server });
    pair.before = pair.isBare ? null : await pair.server.sample({ collect: true });
    const command = pinned(pair.isBare ? cores?.server : cores?.generator, [process.execPath, CLIENT]);
    pair.client = pair.isBare ? pair.server.process
      : spawn(command[0], command.slice(1), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    if (!pair.isBare) await once(pair.client, 'message');
    await ask(pair.client, { open: {
      port: pair.server.port, size, connections: peer.connections || connections, deflate: peer.deflate || deflate
    } });
    return pair;
  }

  exchange(count) {
    return ask(this.client, { count });
  }

  /** Microseconds of the server's CPU time per message. */
  async measure(count) {
    if (this.isBare) return (await this.exchange(count)).cpuUs / count;
    const before = await this.server.sample();
    await ask(this.client, { count, checks: false });
    return ((await this.server.sample()).cpuUs - before.cpuUs) / count;
  }

  async stop() {
    if (!this.isBare) this.client.kill('SIGKILL');
    await this.server.stop();
  }
}

/** Everybody runs once before anybody runs again. */
async function runWorkload(workload, names) {
  const pairs = {};
  const results = Object.fromEntries(names.map((name) => [name, []]));
  try {
    for (const name of names) {
      pairs[name] = await Pair.start(PEERS[name], workload);
      await pairs[name].exchange(Math.max(workload.count >> 1, 2 * workload.connections));
    }
    for (let round = 0; round < Number(options.rounds); round++) {
      for (let i = 0; i < names.length; i++) {
        const name = names[(i + round) % names.length];
        results[name].push(await pairs[name].measure(workload.count));
      }
    }
  } finally {
    await Promise.all(Object.values(pairs).map((pair) => pair.stop()));
  }
  return Object.fromEntries(names.map((name) => [name, median(results[name])]));
}

/** Growth of the resident set, per connection that has exchanged its messages and rests. */
async function runIdle(names) {
  const results = {};
  for (const name of names) {
    const pair = await Pair.start(PEERS[name], IDLE);
    try {
      await pair.exchange(IDLE.count);
      const after = await pair.server.sample({ collect: true });
      results[name] = (after.rss - pair.before.rss) / IDLE.connections / KIB;
    } finally {
      await pair.stop();
    }
  }
  return results;
}

const row = (cells) => say(`| ${cells.join(' | ')} |`);
const head = (cells) => {
  row(cells);
  row(cells.map(() => '---'));
};
const figure = (value) => (value === undefined ? '' : value < 100 ? value.toPrecision(3) : String(Math.round(value)));
const ratio = (a, b) => (a === undefined || b === undefined ? '' : (a / b).toFixed(2));

async function main() {
  const chosen = list(options.only);
  const wanted = ({ id }) => !chosen.length || chosen.some((each) => id.startsWith(each));
  const names = list(options.peers).length ? list(options.peers) : Object.keys(PEERS);
  const todo = WORKLOADS.filter(wanted);
  if (todo.length) {
    say('\nMicroseconds of the server\'s CPU time per echoed message\n');
    head(['bytes', 'connections', 'context', ...names, 'ws / ours', 'original / ours', 'ours / zlib', 'ours / zlibOne']);
  }
  for (const workload of todo) {
    const found = await runWorkload(workload, names);
    row([
      workload.size, workload.connections, workload.deflate, ...names.map((name) => figure(found[name])),
      ratio(found.ws, found.ours), ratio(found.original, found.ours),
      ratio(found.ours, found.zlib), ratio(found.ours, found.zlibOne)
    ]);
  }
  if (!wanted(IDLE)) return;
  const servers = names.filter((name) => PEERS[name].script !== 'zlib.js');
  const found = await runIdle(servers);
  say(`\nKiB of resident set per connection, ${IDLE.connections} of them, after ${IDLE.count / IDLE.connections} messages of ${IDLE.size} bytes each way on each\n`);
  head(servers);
  row(servers.map((name) => figure(found[name])));
}

main().catch((error) => {
  process.stderr.write(`bench: ${error.stack}\n`);
  process.exitCode = 1;
});
