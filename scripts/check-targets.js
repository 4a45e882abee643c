'use strict';

// npm run check:targets: type-checks the addon for every platform that is published, warnings included. It needs no
// linker and no C compiler for them. `npm run check:targets -- NAME...` takes those whose name contains one of the names.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { BuildError, root } = require('./addon');
const { targets } = require('./targets');
const { toolchain } = require('./toolchain');

/** A C compiler that preprocesses its last argument, whatever platform it is told to do that for. */
function preprocessor() {
  const file = path.join(root, 'target', 'check', 'preprocessor');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, '#!/bin/sh\nfor last; do :; done\nexec cc -E "$last"\n', { mode: 0o755 });
  return file;
}

const asked = process.argv.slice(2);
const results = [];
for (const { name, triple } of targets().filter((each) => asked.length === 0 || asked.some((part) => each.name.includes(part)))) {
  const started = Date.now();
  let passed = false;
  try {
    const { cargo, args, env } = toolchain(triple, 'abort');
    const { status } = spawnSync(cargo, [
      // As `cargo check`, with the flag for this crate alone.
      'rustc', '--locked', '--quiet', '--lib', '--profile', 'check', '--target', triple, '--target-dir', 'target/check', ...args, '--', '-D', 'warnings',
    ], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: {
      ...env,
      // The headers of this machine's OpenSSL will do; its version is all that is read off them.
      OPENSSL_NO_VENDOR: '1', PKG_CONFIG_ALLOW_CROSS: '1', TARGET_CC: preprocessor(),
    } });
    passed = status === 0;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    process.stderr.write(`${error.message}\n`);
  }
  results.push(passed);
  process.stdout.write(`${passed ? 'passed' : 'FAILED'}  ${name} (${((Date.now() - started) / 1000).toFixed(0)} s)\n`);
}
const failed = results.filter((passed) => !passed).length;
process.stdout.write(`${results.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
