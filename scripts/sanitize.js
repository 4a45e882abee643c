'use strict';

// npm run sanitize -- [NAME]... [--gc-interval N] [--build]
//
// The JavaScript specs, or those whose path contains one of the names, with the addon under AddressSanitizer: what
// reads or writes memory that is not its own, or was given back, ends the process, and the spec fails with the report.
// The runtime is clang's (Debian: apt-get install libclang-rt-19-dev; ASAN_RUNTIME names another), loaded before Node.
// Instrumented are our code and the crates, zlib-rs among them; not Node, OpenSSL, and what Rust's standard library
// has compiled already, of which calls of malloc, free, memcpy and the like are checked all the same.
//
// --gc-interval N has V8 collect garbage after every N allocations. --build compiles the addon and runs nothing.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { parseArgs } = require('node:util');
const { BuildError, addonPath, buildAddon, newestChange, root } = require('./addon');
const { specs } = require('./specs');

/** What the specs find there is this folder, with another addon. */
const COPY = path.join(root, '.cache', 'sanitize');
const LEFT_OUT = new Set(['.cache', '.git', 'target', 'fuzz', 'node_modules', 'npm']);
const SOURCES = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'src'];

/** Specs that cannot be played so, and why. */
const EXCEPT = [
  [/browser|redis|peers\.|webassembly/, 'start programs of others, or need no addon'],
  [/documents|examples|readme|imports|package|demo/, 'look at files, or start the package anew for every program'],
  [/http2_example|dependents|client_matrix/, 'start other copies of Node, or what they test is others\' code'],
];

function runtime() {
  if (process.env.ASAN_RUNTIME) return process.env.ASAN_RUNTIME;
  const name = `libclang_rt.asan-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so`;
  const folders = fs.existsSync('/usr/lib') ? fs.readdirSync('/usr/lib').filter((folder) => folder.startsWith('llvm-')) : [];
  const files = folders.flatMap((folder) => {
    const versions = path.join('/usr/lib', folder, 'lib/clang');
    return fs.existsSync(versions) ? fs.readdirSync(versions).map((version) => path.join(versions, version, 'lib/linux', name)) : [];
  }).filter((file) => fs.existsSync(file));
  if (files.length === 0) throw new BuildError(`No ${name}. On Debian: apt-get install libclang-rt-19-dev; or set ASAN_RUNTIME.`);
  return files.sort().at(-1);
}

/** Compiles the addon, unless it is newer than its sources. */
function build(to) {
  const built = fs.statSync(to, { throwIfNoEntry: false });
  if (built && built.mtimeMs >= Math.max(...SOURCES.map((name) => newestChange(path.join(root, name))))) return;
  fs.mkdirSync(path.dirname(to), { recursive: true });
  const triple = /^host: (.*)$/m.exec(spawnSync('rustc', ['-vV'], { cwd: root, encoding: 'utf8' }).stdout || '');
  if (triple === null) throw new BuildError('rustc does not run here.');
  Object.assign(process.env, {
    // The option is a nightly compiler's; with a target named, build scripts are compiled without it.
    RUSTC_BOOTSTRAP: '1', CARGO_BUILD_TARGET: triple[1],
    RUSTFLAGS: '-Zsanitizer=address -Cdebug-assertions -Coverflow-checks -Cforce-frame-pointers',
    CARGO_PROFILE_RELEASE_LTO: 'off', CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16', CARGO_PROFILE_RELEASE_DEBUG: '1',
    CARGO_PROFILE_RELEASE_STRIP: 'none',
  });
  buildAddon({ targetDir: path.join(root, 'target', 'sanitize'), to });
}

/** Lays this folder out once more beside the addon. */
function copy() {
  for (const name of fs.readdirSync(root).filter((each) => !LEFT_OUT.has(each))) {
    const to = path.join(COPY, name);
    fs.rmSync(name === 'lib' ? path.join(COPY, 'nothing') : to, { recursive: true, force: true });
    fs.cpSync(path.join(root, name), to, { recursive: true, force: true, filter: (file) => !file.endsWith('.node') });
  }
  const modules = path.join(COPY, 'node_modules');
  if (!fs.existsSync(modules)) fs.symlinkSync(path.join(root, 'node_modules'), modules);
}

function main() {
  const { values, positionals } = parseArgs({
    options: { 'gc-interval': { type: 'string' }, build: { type: 'boolean', default: false } }, allowPositionals: true,
  });
  const preload = runtime();
  build(path.join(COPY, 'lib', path.basename(addonPath())));
  if (values.build) return 0;
  copy();
  const files = specs(positionals).filter((file) => {
    const reason = positionals.length === 0 && EXCEPT.find(([pattern]) => pattern.test(file));
    if (reason) process.stdout.write(`left out: ${file} (they ${reason[1]})\n`);
    return !reason;
  });
  const collect = values['gc-interval'] === undefined ? [] : [`--gc-interval=${values['gc-interval']}`];
  const { status } = spawnSync(process.execPath, [
    '--expose-gc', ...collect, '--test', '--test-timeout=600000', '--test-reporter=spec', ...files,
  ], {
    cwd: COPY, stdio: 'inherit', env: {
      ...process.env, LD_PRELOAD: preload,
      // Node itself never gives back what it has at its end.
      ASAN_OPTIONS: `detect_leaks=0:abort_on_error=1:verify_asan_link_order=0:${process.env.ASAN_OPTIONS || ''}`,
    },
  });
  return status === 0 ? 0 : 1;
}

try {
  process.exitCode = main();
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
