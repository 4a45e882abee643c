'use strict';

// npm run check:targets: type-checks the addon for every platform that is published, warnings included. It needs no
// linker and no C compiler for them. `npm run check:targets -- NAME...` takes those whose name contains one of the names.

const { spawnSync } = require('node:child_process');
const { BuildError, root } = require('./addon');
const { targets } = require('./targets');
const { toolchain } = require('./toolchain');

const asked = process.argv.slice(2);
const results = [];
for (const { name, triple, os } of targets().filter((each) => asked.length === 0 || asked.some((part) => each.name.includes(part)))) {
  const started = Date.now();
  let passed = false;
  try {
    const { cargo, args, env } = toolchain(triple, 'abort');
    const { status } = spawnSync(cargo, [
      // As `cargo check`, with the flag for this crate alone.
      'rustc', '--locked', '--quiet', '--lib', '--profile', 'check', '--target', triple, '--target-dir', 'target/check', ...args, '--', '-D', 'warnings',
    ], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: {
      ...env,
      // The headers of this machine's OpenSSL will do; the C compiler reads them for Linux targets.
      OPENSSL_NO_VENDOR: '1', PKG_CONFIG_ALLOW_CROSS: '1', ...(os === 'linux' && { TARGET_CC: 'cc' }),
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
