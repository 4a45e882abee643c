#!/usr/bin/env node
'use strict';

/**
 * The benchmark: `node bench/run.js [--quick] [--only <id>[,<id>]] [--peers <name>[,<name>]]
 * [--rounds <n>] [--no-pin] [--list]`. It installs the peers and builds the addon and the load
 * generator when they are missing, and writes a table and a chart to bench/results/. See README.md.
 */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { buildAddon } = require('../scripts/addon');
const { choose } = require('./harness/cores');
const loadgen = require('./harness/loadgen');
const { measure } = require('./harness/measure');
const { Server } = require('./harness/server');
const { summarize } = require('./harness/summary');
const { markdown } = require('./harness/markdown');
const { chart } = require('./harness/chart');
const { overview } = require('./harness/overview');
const { peers, target } = require('./peers');
const { targets } = require('./targets');
const { workloads } = require('./workloads');

const RESULTS = path.join(__dirname, 'results');
// What a target judges gets more rounds.
const ROUNDS = 3;
const JUDGED_ROUNDS = 5;
// A slow or busy machine gets fewer rounds, not a longer run.
const BUDGET_MS = 8.5 * 60 * 1000;
// The first round also pays for the JIT.
const FIRST_WARM_UP = { milliseconds: 300 };

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    peers: { type: 'string', default: '' },
    rounds: { type: 'string' },
    'no-pin': { type: 'boolean', default: false },
    list: { type: 'boolean', default: false }
  }
});

const say = (text) => process.stdout.write(`${text}\n`);

const list = (text) => text.split(',').filter(Boolean);

const chosenWorkloads = () => {
  const prefixes = list(options.only);
  const chosen = workloads({ quick: options.quick }).filter(({ id }) =>
    !prefixes.length || prefixes.some((prefix) => id === prefix || id.startsWith(`${prefix}-`)));
  if (!chosen.length) throw new Error(`no workload matches ${options.only}; see --list`);
  return chosen;
};

const installPeers = () => {
  const installed = path.join(__dirname, 'node_modules', '.package-lock.json');
  const locked = path.join(__dirname, 'package-lock.json');
  const fresh = fs.existsSync(installed) &&
    fs.statSync(installed).mtimeMs >= fs.statSync(locked).mtimeMs;
  if (fresh) return;
  say('Installing the peers');
  const { status } = spawnSync('npm', ['ci'], {
    cwd: __dirname, stdio: 'inherit', shell: process.platform === 'win32'
  });
  if (status !== 0) throw new Error('npm ci failed in bench/');
};

/** A release build, whatever build is there: a debug build would be measured as ours. */
const buildOurs = () => {
  if (process.env.TARGET) return;
  say('Building the addon');
  buildAddon();
};

/** The names of the peers to run; ours only when it can be loaded. */
const chosenPeers = () => {
  const names = list(options.peers);
  const unknown = names.find((name) => !peers[name]);
  if (unknown) throw new Error(`no such peer: ${unknown}; there are ${Object.keys(peers)}`);
  const chosen = names.length ? names : Object.keys(peers).filter((name) => !peers[name].isOptional);
  if (!chosen.some((name) => name.startsWith('ours'))) return chosen;
  buildOurs();
  const probe = spawnSync(process.execPath, ['-e', `require(${JSON.stringify(target)})`], {
    cwd: __dirname, encoding: 'utf8'
  });
  if (probe.status === 0) return chosen;
  say(`Leaving our own package out: ${target} cannot be loaded.\n${probe.stderr}`);
  return chosen.filter((name) => !name.startsWith('ours'));
};

const short = ({ rssBytes, cpuUs }) => {
  if (rssBytes !== undefined) return `${Math.round(rssBytes)} B`;
  return `${cpuUs < 100 ? cpuUs.toPrecision(3) : Math.round(cpuUs)} µs`;
};

const roundsOf = (workload) => {
  if (options.rounds) return Number(options.rounds);
  if (workload.rounds) return workload.rounds;
  if (options.quick) return 1;
  return targets.some((each) => each.workload === workload.id) ? JUDGED_ROUNDS : ROUNDS;
};

/** The workload as the first round runs it. */
const first = (workload) => {
  if (!workload.spec.warmUp?.milliseconds) return workload;
  return { ...workload, spec: { ...workload.spec, warmUp: FIRST_WARM_UP } };
};

/** `names` starting elsewhere each round, so that nobody always follows the same neighbour. */
const rotated = (names, round) => {
  const start = round % names.length;
  return [...names.slice(start), ...names.slice(0, start)];
};

/** Interleaved: every peer runs once before any runs again, so a drift hits all alike. */
const runWorkload = async (workload, names, place, until) => {
  const rounds = roundsOf(workload);
  const results = Object.fromEntries(names.map((name) => [name, { rounds: [] }]));
  const servers = {};
  const start = async (name) => {
    servers[name] = await Server.start(peers[name], workload, {
      core: place.cores?.server, certificate: place.certificate
    });
  };
  try {
    for (let round = 0; round < rounds; round++) {
      const began = Date.now();
      const line = [];
      for (const name of rotated(names, round)) {
        const result = results[name];
        if (result.error) continue;
        try {
          if (!servers[name]) await start(name);
          result.about = servers[name].about;
          const core = place.cores?.generator;
          const task = round === 0 ? first(workload) : workload;
          result.rounds.push(await measure(task, peers[name], servers[name], core));
          line.push(`${name} ${short(result.rounds.at(-1))}`);
        } catch (error) {
          result.error = error.message;
          line.push(`${name} failed: ${error.message}`);
        }
        if (servers[name] && (workload.freshServer || result.error)) {
          await servers[name].stop();
          delete servers[name];
        }
      }
      say(`  ${round + 1}/${rounds}  ${line.join('  ')}`);
      const now = Date.now();
      if (round + 1 < rounds && now + (now - began) > until) {
        say('  out of time for more rounds');
        break;
      }
    }
  } finally {
    await Promise.all(Object.values(servers).map((server) => server.stop()));
  }
  return results;
};

const machine = (cores) => ({
  date: new Date().toISOString().slice(0, 10),
  node: process.version,
  system: `${os.type()} ${os.release()} ${os.arch()}`,
  processor: `${os.cpus().length} × ${os.cpus()[0]?.model.trim() || 'unknown'}`,
  pinned: cores !== null,
  load: os.loadavg()[0],
  options: process.argv.slice(2).join(' ')
});

const write = (results) => {
  // Only a whole run replaces the results that the README shows.
  const { TARGET, BEFORE } = process.env;
  const whole = !options.quick && !options.only && !options.peers && !TARGET && !BEFORE;
  const directory = whole ? RESULTS : path.join(RESULTS, 'partial');
  fs.mkdirSync(directory, { recursive: true });
  const file = (name, text) => fs.writeFileSync(path.join(directory, name), text);
  const summary = summarize(results);
  file('results.json', `${JSON.stringify(results, null, 1)}\n`);
  file('results.md', markdown(summary));
  file('chart.svg', chart(summary));
  file('overview.svg', overview(summary));
  return directory;
};

const main = async () => {
  const todo = chosenWorkloads();
  if (options.list) return todo.forEach(({ id, title }) => say(`${id.padEnd(24)}${title}`));
  const began = Date.now();
  installPeers();
  say('Building the load generator');
  loadgen.build();
  const names = chosenPeers();
  const cores = options['no-pin'] ? null : choose();
  const certificate = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-certificate-'));
  const results = { machine: machine(cores), workloads: [] };
  const { load } = results.machine;
  if (load > 1) say(`Something else keeps this machine busy (load ${load.toFixed(1)}): expect noise`);
  try {
    loadgen.writeCertificate(certificate);
    const start = Date.now();
    for (const [index, workload] of todo.entries()) {
      const taking = names.filter((name) => workload.peers.includes(peers[name].like || name));
      say(`[${index + 1}/${todo.length}] ${workload.id}: ${workload.title}`);
      const { id, group, title } = workload;
      // What one workload leaves of its share goes to those after it.
      const until = options.rounds ? Infinity : start + (BUDGET_MS * (index + 1)) / todo.length;
      const measured = await runWorkload(workload, taking, { cores, certificate }, until);
      results.workloads.push({ id, group, title, peers: measured });
    }
  } finally {
    fs.rmSync(certificate, { recursive: true, force: true });
  }
  results.machine.seconds = Math.round((Date.now() - began) / 1000);
  const directory = write(results);
  say(`\n${fs.readFileSync(path.join(directory, 'results.md'), 'utf8')}`);
  say(`Written to ${path.relative(process.cwd(), directory)} in ${results.machine.seconds} s`);
};

main().catch((error) => {
  process.stderr.write(`bench: ${error.stack}\n`);
  process.exitCode = 1;
});
