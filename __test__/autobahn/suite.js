'use strict';

// Runs the suite against one path and reads its report.

const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { fork, spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');

const { freePort } = require('../support/free_port');
const { PATHS, SETS } = require('./cases');

const root = path.resolve(__dirname, '../..');

/** The suite's command; it is made where it is missing. Throws where it cannot be had. */
function tool() {
  const folder = process.env.AUTOBAHN || path.join(root, '.cache/autobahn');
  const command = path.join(folder, 'wstest');
  if (fs.existsSync(command)) return command;
  process.stderr.write(`Making the Autobahn test suite in ${folder} ...\n`);
  const { status, stderr } = spawnSync('sh', [path.join(__dirname, 'setup.sh'), folder], { encoding: 'utf8', timeout: 600000 });
  if (status !== 0) throw new Error(`the Autobahn test suite cannot be had here:\n${(stderr || '').slice(-1000)}`);
  return command;
}

/** Resolves once somebody listens there. */
async function listening(port, child) {
  while (child.exitCode === null) {
    const socket = net.connect(port, '127.0.0.1');
    const isThere = await new Promise((resolve) => socket.on('connect', () => resolve(true)).on('error', () => resolve(false)));
    socket.destroy();
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the suite\'s server ended');
}

function start(command, mode, folder, settings) {
  fs.writeFileSync(path.join(folder, 'settings.json'), JSON.stringify(settings));
  const log = fs.openSync(path.join(folder, 'suite.log'), 'w');
  return spawn(command, ['-m', mode, ...(mode === 'fuzzingserver' ? ['-u', '0'] : []), '-s', 'settings.json'], {
    cwd: folder, stdio: ['ignore', log, log],
  });
}

async function attackServer(command, pathName, folder, cases) {
  const server = fork(path.join(__dirname, 'echo_server.js'), [pathName]);
  try {
    const [port] = await once(server, 'message');
    const servers = [{ agent: pathName, url: `ws://127.0.0.1:${port}` }];
    const suite = start(command, 'fuzzingclient', folder, { outdir: 'report', servers, cases, 'exclude-cases': [], 'exclude-agent-cases': {} });
    const [code, signal] = await once(suite, 'exit');
    if (signal) throw new Error(`the suite ended: ${signal} ${code}`);
    if (server.exitCode !== null || server.signalCode !== null) throw new Error(`the server ended: ${server.signalCode || server.exitCode}`);
  } finally {
    server.kill();
  }
}

async function attackClient(command, pathName, folder, cases) {
  const port = await freePort();
  const url = `ws://127.0.0.1:${port}`;
  const suite = start(command, 'fuzzingserver', folder, { url, outdir: 'report', cases, 'exclude-cases': [], 'exclude-agent-cases': {} });
  try {
    await listening(port, suite);
    const client = fork(path.join(__dirname, 'echo_client.js'), [pathName, url]);
    const [code, signal] = await once(client, 'exit');
    if (code !== 0) throw new Error(`the client ended: ${signal || code}`);
  } finally {
    suite.kill();
  }
}

/**
 * @param {string} pathName of `PATHS`
 * @param {string} setName of `SETS`
 * @returns {Promise<Record<string, [string, string]>>} by case: how it behaved, and how it closed
 */
async function run(pathName, setName) {
  const command = tool();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'autobahn-'));
  try {
    const attack = PATHS[pathName].side === 'server' ? attackServer : attackClient;
    await attack(command, pathName, folder, SETS[setName]);
    const index = path.join(folder, 'report/index.json');
    if (!fs.existsSync(index)) throw new Error(`the suite wrote no report:\n${fs.readFileSync(path.join(folder, 'suite.log'), 'utf8').slice(-1000)}`);
    const report = JSON.parse(fs.readFileSync(index, 'utf8'))[pathName];
    return Object.fromEntries(Object.entries(report).map(([id, { behavior, behaviorClose }]) => [id, [behavior, behaviorClose]]));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

module.exports = { run, tool };
