'use strict';

// The Rust toolchain for a target that this machine is not: that of rustup where it has the target's standard library,
// otherwise Debian's rustc-web with the library's sources (apt-get install rustc-web cargo-web rust-web-src), which
// compiles the library along.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { BuildError, root } = require('./addon');

function hasLibrary(triple) {
  const { status, stdout } = spawnSync('rustc', ['--print', 'target-libdir', '--target', triple], { cwd: root, encoding: 'utf8' });
  const folder = status === 0 ? stdout.trim() : '';
  return folder !== '' && fs.existsSync(folder) && fs.readdirSync(folder).some((name) => name.startsWith('libstd-'));
}

function librarySources() {
  const names = fs.existsSync('/usr/src') ? fs.readdirSync('/usr/src').filter((name) => /^rustc-\d/.test(name)) : [];
  return names.map((name) => path.join('/usr/src', name, 'library')).find((folder) => fs.existsSync(path.join(folder, 'std')));
}

/**
 * @param {string} triple as rustc names it
 * @param {string} panic `abort` for a check, which needs less; `unwind` for an addon
 * @returns {{ cargo: string, args: string[], env: object }} the command, what it takes besides, and its environment
 */
function toolchain(triple, panic) {
  if (hasLibrary(triple)) return { cargo: 'cargo', args: [], env: process.env };
  const sources = librarySources();
  if (sources === undefined) {
    throw new BuildError(`No standard library for ${triple}: rustup target add ${triple}, or on Debian apt-get install rustc-web cargo-web rust-web-src.`);
  }
  return {
    // By its path: rust-toolchain.toml would send `cargo` to rustup.
    cargo: '/usr/bin/cargo',
    args: [`-Zbuild-std=std,panic_${panic}`],
    env: {
      ...process.env, PATH: `/usr/bin${path.delimiter}${process.env.PATH}`, RUSTC: '/usr/bin/rustc',
      RUSTC_BOOTSTRAP: '1', __CARGO_TESTS_ONLY_SRC_ROOT: sources,
    },
  };
}

/**
 * @returns {string} the linker that rustup's toolchain brings for what no system can link, and Debian's lacks
 */
function linkerOf() {
  const { stdout } = spawnSync('rustc', ['--print', 'target-libdir'], { cwd: root, encoding: 'utf8' });
  const linker = path.join((stdout || '').trim(), '..', 'bin', 'rust-lld');
  return fs.existsSync(linker) ? linker : 'wasm-ld';
}

module.exports = { linkerOf, toolchain };
