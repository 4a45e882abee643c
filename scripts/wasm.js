'use strict';

// The core as WebAssembly, which is used where no binary loads: whether it is up to date, how it is compiled.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { BuildError, newestChange, root } = require('./addon');
const { linkerOf, toolchain } = require('./toolchain');

const TRIPLE = 'wasm32-unknown-unknown';
const NAME = 'faye-websocket-rs';
const SOURCES = ['Cargo.toml', 'Cargo.lock', '.cargo/config.toml', 'src/lib.rs', 'src/proto', 'src/wasm'];

const folder = path.join(root, 'lib', 'wasm');
const tools = path.join(root, '.cache', 'wasm-bindgen');

/** Paths of what is made: the module and the JavaScript that loads it. */
const files = [path.join(folder, `${NAME}_bg.wasm`), path.join(folder, `${NAME}.js`)];

/** @returns {'missing' | 'outdated' | 'ready'} compared with the Rust sources it is made from */
function wasmState() {
  if (!files.every(fs.existsSync)) return 'missing';
  const sources = Math.max(...SOURCES.map((name) => newestChange(path.join(root, name))));
  return newestChange(files[0]) < sources ? 'outdated' : 'ready';
}

function run(command, args, env = process.env) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env });
  if (error) throw new BuildError(`${command}: ${error.message}`);
  if (status !== 0) throw new BuildError(`${path.basename(command)} failed; its messages are above.`);
}

/** The command line of wasm-bindgen, of the version that is linked: one does not take what the other makes. */
function provideBindgen() {
  const [, version] = /name = "wasm-bindgen"\nversion = "(.+)"/.exec(fs.readFileSync(path.join(root, 'Cargo.lock'), 'utf8'));
  const command = path.join(tools, version, 'bin', 'wasm-bindgen');
  if (!fs.existsSync(command) && !fs.existsSync(`${command}.exe`)) {
    // Without its lockfile, which may name what a registry does not have any more.
    run('cargo', ['install', '--quiet', 'wasm-bindgen-cli', '--version', version, '--root', path.join(tools, version)]);
  }
  return command;
}

/** Compiles it into lib/wasm/. */
function buildWasm() {
  const { cargo, args, env } = toolchain(TRIPLE, 'abort');
  const linker = cargo === 'cargo' ? {} : { CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: linkerOf() };
  run(cargo, [
    'build', '--release', '--locked', '--lib', '--no-default-features', '--features', 'wasm', '--target', TRIPLE, ...args,
    // wasm-bindgen reads which instructions are used where names would be stripped, and strips them itself.
    '--config', 'profile.release.strip=false',
  ], { ...env, ...linker });
  run(provideBindgen(), [
    '--target', 'nodejs', '--no-typescript', '--remove-name-section', '--remove-producers-section', '--out-dir', folder, '--out-name', NAME,
    path.join(root, 'target', TRIPLE, 'release', 'faye_websocket_rs.wasm'),
  ]);
  // TypeScript looks at whatever is required.
  fs.writeFileSync(files[1], `// @ts-nocheck: made by wasm-bindgen\n${fs.readFileSync(files[1], 'utf8')}`);
}

module.exports = { TRIPLE, buildWasm, files, wasmState };
