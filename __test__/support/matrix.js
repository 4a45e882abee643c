'use strict';

// The matrix of dialling: each row is a setting of a process, played on each Node.js by three clients, one as it comes,
// one that is made to dial through Node, and one of the original package. All three must see the same.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { after, describe, it } = require('node:test');

const { missing, makeAuthority } = require('./authority');
const Servers = require('./dialling_servers');

const MAJORS = [20, 22, 24, 26];
const ROOT = path.join(__dirname, '..', '..');
const ORIGINAL = path.join(ROOT, 'node_modules', 'faye-websocket');
const PROCESS = path.join(__dirname, '..', 'fixtures', 'dialling_process.js');
const LIMIT = 60000; // milliseconds for one row, with others beside it
const own = Number(process.versions.node.split('.')[0]);

/** The binary of a major version, if it is here. `npm run test:dialling` brings them all. */
function binary(major) {
  if (major === own) return process.execPath;
  const file = process.env.NODE_BINARIES && path.join(process.env.NODE_BINARIES, `node${major}`);
  return file && fs.existsSync(file) ? file : null;
}

let made;

/** Certificates and servers of all rows of a file. */
function around() {
  if (made === undefined) {
    const folder = makeAuthority();
    made = { folder, servers: new Servers(folder) };
  }
  return made;
}
after(() => made && made.servers.close());

/** Runs one client; resolves with what it reports. */
function play(node, task, { flags = [], env = {} }, options = {}) {
  return new Promise((resolve, reject) => {
    // Nothing of the environment of the tests, which may name certificates of its own, but a sanitizer's runtime.
    const { PATH, HOME, TMPDIR, LD_PRELOAD, ASAN_OPTIONS } = process.env;
    const child = spawn(node, [...flags, PROCESS, JSON.stringify(task)], {
      env: { PATH, HOME, TMPDIR, LD_PRELOAD, ASAN_OPTIONS, ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT, ...options,
    });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (errors += text));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      try {
        resolve({ ...JSON.parse(output), errors });
      } catch {
        reject(new Error(`no report from ${path.basename(node)} (${code}, ${signal}): ${output}${errors}`));
      }
    });
  });
}

/** What differs between two connections, or two builds of OpenSSL, and means nothing. */
function normal(text) {
  return text.replace(/(localhost|127\.0\.0\.1|::1):\d+/g, '$1:PORT')
    // Thread, function, file and line.
    .replace(/(?:[0-9A-F]+:)?error:([0-9A-F]+):([^:]*):[^:]*:([^:]*):[^:]*:\d+:/g, 'error:$1:$2:$3:');
}

const outcome = ({ events, seen, warnings }) => ({
  events: events.map((event) => event.map((each) => (typeof each === 'string' ? normal(each) : each))), seen, warnings,
});

/** One line for people: what came of it. */
function summary({ events }) {
  const [type, text] = events.find(([name]) => ['error', 'thrown'].includes(name)) || events[0] || ['nothing'];
  return type === 'open' ? 'opens' : normal(typeof text === 'string' ? text : type).replace(/^Network error: \S+: /, '').replace(/\n/g, '').slice(0, 90);
}

function note(row, major, played) {
  const file = process.env.DIALLING_REPORT;
  if (!file) return;
  const { dialled, dialledBecause } = played;
  fs.appendFileSync(file, `${JSON.stringify({ row, major, dialled, dialledBecause, outcome: summary(played) })}\n`);
}

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {string} [server] see ./dialling_servers.js; `good` when left out
 * @property {number} [since] first major version that has the setting
 * @property {string} [options] of the client, as source; `pem(name)` is a certificate
 * @property {string[]|Function} [flags] of the process
 * @property {object|Function} [env] of the process; as a function, of the folder with the certificates
 * @property {object|Function} [worker] options of the worker to run in
 * @property {string} [process] source that runs in the main thread, before the worker
 * @property {string} [before] source that runs before the package is loaded
 * @property {string} [after] source that runs after it
 * @property {string} [program] source that makes the client, in place of the usual
 * @property {boolean|Function} opens whether the connection opens, if that does not depend on the version
 * @property {RegExp} [says] the error
 * @property {'native'|'node'|Function} dialled how the first client is to be dialled; as a function, of the version
 * @property {string} [original] why the original is not compared
 * @property {object} [spawn] options of `child_process.spawn`
 */

/** Plays rows. @param {string} title @param {Row[]} rows */
function matrix(title, rows) {
  for (const major of MAJORS) {
    describe(`${title}, Node.js ${major}`, { concurrency: 3 }, () => {
      const node = binary(major);
      for (const row of rows) {
        const skip = missing || (!node && `needs Node.js ${major}: npm run test:dialling`) || row.skip ||
          (major < (row.since || 0) && `not in Node.js ${major}`);
        it(row.name, { skip, timeout: LIMIT }, () => check(title, row, major, node));
      }
    });
  }
}

const valueOf = (value, argument) => (typeof value === 'function' ? value(argument) : value);

async function check(title, row, major, node) {
  const { folder, servers } = around();
  const { server = 'good', options, before: first, after: then, process: main, program } = row;
  const url = `${server === 'plain' ? 'ws' : 'wss'}://localhost:${await servers.port(server)}/`;
  const start = { flags: valueOf(row.flags, folder), env: valueOf(row.env, folder) };
  const task = { folder, url, options, before: first, after: then, process: main, program, worker: valueOf(row.worker, folder) };
  const spawned = row.spawn && row.spawn(folder, node);
  const playAs = (more) => play(spawned ? spawned.node : node, { ...task, ...more }, start, spawned && spawned.options);
  const native = await playAs({ dir: ROOT });
  note(`${title}: ${row.name}`, major, native);
  const through = await playAs({ dir: ROOT, isForced: true });
  assert.strictEqual(through.dialled, native.events[0]?.[0] === 'thrown' ? undefined : 'node');
  assert.deepStrictEqual(outcome(native), outcome(through), `unlike through Node (${native.dialled}: ${native.dialledBecause})`);
  if (!row.original) {
    const { events, seen, warnings } = outcome(await playAs({ dir: ORIGINAL }));
    assert.deepStrictEqual(outcome(native), { events, seen, warnings }, 'unlike the original');
  }
  const opens = valueOf(row.opens, major);
  if (opens !== undefined) assert.strictEqual(native.events[0]?.[0] === 'open', opens, JSON.stringify(native.events));
  if (row.says) assert.match(native.events.map((event) => event[1]).join(), row.says);
  if (row.dialled) assert.strictEqual(native.dialled, valueOf(row.dialled, major), native.dialledBecause);
}

module.exports = matrix;
