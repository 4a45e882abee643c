'use strict';

// The native addon as a file: what it is called here, whether it is up to date, how it is compiled.
// Plain cargo, because people who install the package do not have the napi command line.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { platformName } = require('../lib/install/platform');

const root = path.join(__dirname, '..');
const SOURCES = ['Cargo.toml', 'Cargo.lock', 'build.rs', '.cargo/config.toml', 'src'];

// On Linux an addon that links the system's OpenSSL would be bound to the copy inside Node, and macOS has none: it
// brings its own.
const RELEASE_FEATURES = process.platform === 'win32' ? [] : ['--features', 'vendored-openssl'];

/** Thrown when the addon cannot be built; the message is meant for the person at the terminal. */
class BuildError extends Error {}

function addonPath() {
  return path.join(root, 'lib', `faye-websocket-rs.${platformName()}.node`);
}

/**
 * @param {string} file or folder
 * @returns {number} milliseconds since 1970; 0 where there is none
 */
function newestChange(file) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...fs.readdirSync(file).map((name) => newestChange(path.join(file, name))));
}

/** @returns {'missing' | 'outdated' | 'ready'} compared with the Rust sources beside it */
function addonState() {
  const built = fs.statSync(addonPath(), { throwIfNoEntry: false });
  if (!built) return 'missing';
  const sources = Math.max(...SOURCES.map((name) => newestChange(path.join(root, name))));
  return built.mtimeMs < sources ? 'outdated' : 'ready';
}

/**
 * What a command prints; undefined where it fails.
 *
 * @param {string} command
 * @param {string[]} args
 * @returns {string | undefined}
 */
function printed(command, args) {
  const { status, stdout } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Whether a version is at least another, of as many numbers.
 *
 * @param {string} version
 * @param {string} floor
 * @returns {boolean}
 */
function atLeast(version, floor) {
  const [a, b] = [version, floor].map((text) => text.split('.').map(Number));
  for (let i = 0; i < b.length; i++) {
    if (a[i] !== b[i]) return a[i] > b[i];
  }
  return true;
}

/** Throws a BuildError that says what to install unless a sufficient Rust toolchain is there. */
function checkToolchain() {
  const [, floor] = /** @type {RegExpExecArray} */ (
    /^rust-version\s*=\s*"([\d.]+)"/m.exec(fs.readFileSync(path.join(root, 'Cargo.toml'), 'utf8')));
  const advice = `The addon of faye-websocket-rs is compiled with Rust ${floor} or newer.\n`
    + 'Install it from https://rustup.rs (or, where rustup is there, run: rustup update stable), then try again.';
  const cargo = printed('cargo', ['--version']);
  const rustc = printed('rustc', ['--version']);
  if (!cargo || !rustc) {
    throw new BuildError(`No Rust toolchain was found: \`${cargo ? 'rustc' : 'cargo'} --version\` does not run.\n${advice}`);
  }
  const [version] = /\d+\.\d+\.\d+/.exec(rustc) || [];
  if (version === undefined || !atLeast(version, floor)) throw new BuildError(`The Rust toolchain found here is too old: ${rustc}.\n${advice}`);
}

/** The same for what OpenSSL, compiled along, needs. */
function checkCompiler() {
  const missing = [[process.env.CC || 'cc', '--version'], ['perl', '-v'], ['make', '--version']]
    .filter(([command, flag]) => printed(command, [flag]) === undefined).map(([command]) => command);
  if (missing.length === 0) return;
  throw new BuildError(`Compiling OpenSSL needs a C compiler, perl and make; ${missing.join(' and ')} cannot be run here.\n`
    + 'Debian and Ubuntu: apt-get install build-essential perl. Alpine: apk add gcc musl-dev make perl. macOS: xcode-select --install.');
}

/**
 * Compiles the addon and puts it where lib/native_binding.js looks for it.
 *
 * @param {object} [options]
 * @param {string} [options.targetDir] folder for cargo's intermediate files; cargo's own default when left out
 * @param {boolean} [options.debug] unoptimised, for the edit loop
 * @param {string} [options.to] path for the addon, elsewhere than where lib/native_binding.js looks
 * @returns {string} path of the addon
 */
function buildAddon({ targetDir, debug, to } = {}) {
  checkToolchain();
  if (!debug && process.platform !== 'win32') checkCompiler();
  const args = ['build', '--locked', '--lib', '--message-format=json-render-diagnostics'];
  if (!debug) args.push('--release', ...RELEASE_FEATURES);
  if (targetDir) args.push('--target-dir', targetDir);
  const { status, stdout } = spawnSync('cargo', args, {
    cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new BuildError('cargo could not build the addon; its messages are above.');
  const library = stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))
    .filter(({ reason, target }) => reason === 'compiler-artifact' && target.name === 'faye_websocket_rs')
    .flatMap(({ filenames }) => filenames)
    .find((name) => /\.(so|dylib|dll)$/.test(name));
  if (!library) throw new BuildError('cargo reported no shared library for faye-websocket-rs.');
  // A running process may have the old file mapped: replace it, never write into it.
  const target = to || addonPath();
  const fresh = `${target}.${process.pid}`;
  fs.copyFileSync(library, fresh);
  fs.renameSync(fresh, target);
  const now = new Date();
  fs.utimesSync(target, now, now);
  return target;
}

module.exports = { BuildError, RELEASE_FEATURES, addonPath, addonState, buildAddon, newestChange, platformName, root };
