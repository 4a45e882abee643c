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
const tools = path.join(root, 'target', 'bindgen');

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

/** Compiles what makes JavaScript of the module, for this machine. */
function provideBindgen() {
  const file = `bindgen${process.platform === 'win32' ? '.exe' : ''}`;
  run('cargo', ['build', '--quiet', '--locked', '--manifest-path', path.join(__dirname, 'bindgen', 'Cargo.toml'), '--target-dir', tools]);
  return path.join(tools, 'debug', file);
}

/** @returns {boolean} whether there is a standard library to compile with */
function canBuildWasm() {
  try {
    toolchain(TRIPLE, 'abort');
    return true;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    return false;
  }
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
  run(provideBindgen(), [path.join(root, 'target', TRIPLE, 'release', 'faye_websocket_rs.wasm'), folder, NAME]);
  // TypeScript looks at whatever is required.
  fs.writeFileSync(files[1], `// @ts-nocheck: made by wasm-bindgen\n${fs.readFileSync(files[1], 'utf8')}`);
}

module.exports = { TRIPLE, buildWasm, canBuildWasm, files, wasmState };
