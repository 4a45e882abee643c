'use strict';

// Runs the original package's own specs against this package:
//
//   npm run test:original -- FOLDER [DRIVER_FOLDER]
//
// FOLDER is a checkout of faye-websocket-node, DRIVER_FOLDER one of
// websocket-driver-node. Nothing in them is changed: their spec folders are
// copied to a temporary one, where this package takes the place of `lib`, the
// certificate (the shipped one has expired) is replaced by a fresh one, and
// the fixed ports by free ones. FAYE_WEBSOCKET_UNDER_TEST names another
// package folder to judge; KEEP=1 keeps the temporary folder.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');

const { certificate } = require('../__test__/support/certificate');
const { freePort } = require('../__test__/support/free_port');

const root = path.resolve(__dirname, '..');
const subject = fs.realpathSync(path.resolve(process.env.FAYE_WEBSOCKET_UNDER_TEST || root));
const LIMIT = 5 * 60 * 1000; // milliseconds for one suite

function write(file, text) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

function reexport(file, target, member = '') {
  write(file, `'use strict';\nmodule.exports = require(${JSON.stringify(target)})${member};\n`);
}

/** Copies a checkout's spec folder and makes our development modules visible to it. */
function workspace(checkout, name) {
  const from = path.resolve(checkout, 'spec');
  if (!fs.existsSync(path.join(from, 'runner.js'))) {
    throw new Error(`${from} holds no runner.js: is ${checkout} a checkout of ${name}?`);
  }
  const to = fs.mkdtempSync(path.join(os.tmpdir(), 'test-original-'));
  fs.cpSync(from, path.join(to, 'spec'), { recursive: true });
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(to, 'node_modules'), 'junction');
  return to;
}

/** Runs jstest there; resolves with its counts. */
function jstest(folder) {
  const bin = require.resolve('jstest/bin/jstest');
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, '-f', 'spec', 'spec/runner.js'], { cwd: folder, timeout: LIMIT });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        output += text;
        process.stdout.write(text);
      });
    }
    child.on('close', (code, signal) => {
      const found = /(\d+) tests?, (\d+) assertions?, (\d+) failures?, (\d+) errors?/.exec(output);
      if (!found) return resolve({ tests: 0, failed: 1, why: `no result: exit ${code}, signal ${signal}` });
      const [tests, assertions, failures, errors] = found.slice(1).map(Number);
      resolve({ tests, assertions, failed: failures + errors });
    });
  });
}

async function own(checkout) {
  const folder = workspace(checkout, 'faye-websocket-node');
  const pair = certificate();
  write(path.join(folder, 'spec/server.key'), pair.key);
  write(path.join(folder, 'spec/server.crt'), pair.cert);
  reexport(path.join(folder, 'lib/faye/websocket.js'), subject);
  reexport(path.join(folder, 'lib/faye/websocket/client.js'), path.join(subject, 'lib/faye/websocket/client.js'));
  const spec = path.join(folder, 'spec/faye/websocket/client_spec.js');
  const [port, proxyPort] = [await freePort(), await freePort()];
  write(spec, fs.readFileSync(spec, 'utf8').replace(/4180/g, port).replace(/4181/g, proxyPort));
  return { folder, result: await jstest(folder) };
}

async function driver(checkout) {
  const folder = workspace(checkout, 'websocket-driver-node');
  const lib = path.join(folder, 'lib/websocket/driver');
  const entry = path.join(subject, 'lib/websocket/driver');
  const files = { hybi: 'Hybi', client: 'Client', draft75: 'Draft75', draft76: 'Draft76' };
  for (const [file, name] of Object.entries(files)) {
    if (fs.existsSync(path.join(entry, 'hybi.js'))) reexport(path.join(lib, `${file}.js`), path.join(entry, file));
    else reexport(path.join(lib, `${file}.js`), path.join(root, '__test__/original/driver_classes.js'), `.${name}`);
  }
  return { folder, result: await jstest(folder) };
}

async function main() {
  const [checkout, driverCheckout] = process.argv.slice(2);
  if (!checkout) {
    console.error('usage: npm run test:original -- FOLDER [DRIVER_FOLDER]');
    console.error('FOLDER: a checkout of faye-websocket-node; DRIVER_FOLDER: one of websocket-driver-node');
    process.exit(64);
  }
  const suites = [['faye-websocket', () => own(checkout)]];
  if (driverCheckout) suites.push(['websocket-driver', () => driver(driverCheckout)]);
  const lines = [];
  let failed = 0;
  for (const [name, run] of suites) {
    const { folder, result } = await run();
    if (!process.env.KEEP) fs.rmSync(folder, { recursive: true, force: true });
    failed += result.failed || (result.tests === 0 ? 1 : 0);
    lines.push(`${name}: ${result.tests} tests, ${result.failed} failed${result.why ? ` (${result.why})` : ''}`);
  }
  console.log(lines.join('\n'));
  process.exit(failed ? 1 : 0);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
