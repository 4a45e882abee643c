'use strict';

// What `npm start` and `npm test` run first: installs and builds what a fresh or changed checkout lacks,
// and says so. Does nothing, quickly, when all is there.
//
//   node scripts/provision.js [--with-dev-dependencies] [--with-wasm]

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { BuildError, addonPath, addonState, buildAddon, root } = require('./addon');
const { npm } = require('./npm');
const { buildWasm, canBuildWasm, files: wasmFiles, wasmState } = require('./wasm');

function say(text) {
  process.stdout.write(`${text}\n`);
}

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(0)} s`;
}

// npm notes what it installed in this hidden lockfile.
function dependenciesState() {
  const installed = path.join(root, 'node_modules', '.package-lock.json');
  if (!fs.existsSync(installed)) return 'missing';
  const wanted = JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(fs.readFileSync(installed, 'utf8')).packages;
  const differs = Object.entries(wanted).some(([name, { version, optional }]) => (
    name !== '' && !optional && (!present[name] || present[name].version !== version)
  ));
  return differs ? 'outdated' : 'ready';
}

function installDependencies() {
  const state = dependenciesState();
  if (state === 'ready') return;
  const started = Date.now();
  say(`Development dependencies are ${state}: running npm ci (well under a minute) ...`);
  const [command, args, options] = npm(['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']);
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (status !== 0) throw new BuildError('npm ci failed; its messages are above.');
  say(`Development dependencies installed in ${seconds(started)}.`);
}

function build() {
  const state = addonState();
  if (state === 'ready') return;
  const started = Date.now();
  say(`The native addon is ${state}: building it with cargo; the first time this takes some minutes ...`);
  const file = buildAddon();
  say(`Built ${path.relative(root, file)} (${(fs.statSync(file).size / 1e6).toFixed(1)} MB) in ${seconds(started)}.`);
}

/** What runs where no addon does. Without it all the rest can be tested. */
function buildPortable() {
  const state = wasmState();
  if (state === 'ready') return;
  if (!canBuildWasm()) return say(`WebAssembly is ${state} and cannot be built here: rustup target add wasm32-unknown-unknown`);
  const started = Date.now();
  say(`WebAssembly is ${state}: building it with cargo; the first time this takes some minutes ...`);
  try {
    buildWasm();
    say(`Built ${path.relative(root, wasmFiles[0])} in ${seconds(started)}.`);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    say(`WebAssembly could not be built: ${error.message}`);
  }
}

function load() {
  const file = addonPath();
  try {
    require(file);
  } catch (error) {
    throw new BuildError(`${path.relative(root, file)} was built but does not load: ${error.message}`);
  }
}

try {
  if (process.argv.includes('--with-dev-dependencies')) installDependencies();
  build();
  load();
  if (process.argv.includes('--with-wasm')) buildPortable();
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`\n${error.message}\n`);
  process.exitCode = 1;
}
