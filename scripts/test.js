'use strict';

// npm test: provides what is missing, runs every suite to its end and sums up. `npm test -- NAME...` runs only
// the JavaScript specs whose path contains one of the names.

const { spawnSync } = require('node:child_process');
const { RELEASE_FEATURES, root } = require('./addon');
const { specs, specsOfOtherPaths, specsOfWebAssembly, testArguments } = require('./specs');
const { wasmState } = require('./wasm');

const LIMIT = 40 * 60 * 1000; // milliseconds for one step; only a hang gets near it

function run(title, command, args, env = {}) {
  process.stdout.write(`\n=== ${title}\n`);
  const started = Date.now();
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', timeout: LIMIT, env: { ...process.env, ...env } });
  if (error) process.stderr.write(`${command}: ${error.message}\n`);
  const passed = status === 0;
  return { title, passed, note: `${((Date.now() - started) / 1000).toFixed(1)} s${signal ? `, ended by ${signal}` : ''}` };
}

const node = process.execPath;
const major = Number(process.versions.node.split('.')[0]);
const names = process.argv.slice(2);
let files;
try {
  files = specs(names);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

const portable = specsOfWebAssembly(files);
const provision = run('What is missing', node, [
  'scripts/provision.js', '--with-dev-dependencies', ...(portable.length > 0 ? ['--with-wasm'] : []),
]);
if (!provision.passed) process.exit(1);

const results = [];
if (names.length === 0) {
  results.push(run('Protocol core (Rust)', 'cargo', ['test', '--locked', '--quiet', '--no-default-features']));
  results.push(run('Whole crate with the addon (Rust)', 'cargo', [
    // As the addon itself was just built, so that its dependencies are not compiled a second time.
    'test', '--locked', '--quiet', '--release', '--lib', ...RELEASE_FEATURES,
  ]));
  results.push(run('Public types (TypeScript)', node, ['node_modules/typescript/bin/tsc', '-p', '__test__/tsconfig.json']));
}
results.push(run(`JavaScript specs (${files.length} files)`, node, testArguments(files, major)));
const others = specsOfOtherPaths(files);
if (others.length > 0) {
  results.push(run(`The same on the other paths (${others.length} files)`, node, testArguments(others, major), { FAYE_WEBSOCKET_KERNEL_SOCKET: '0' }));
}
const wasm = wasmState();
if (portable.length > 0 && wasm === 'ready') {
  results.push(run(`The same as WebAssembly (${portable.length} files)`, node, testArguments(portable, major), { FAYE_WEBSOCKET_WASM: '1' }));
}

process.stdout.write('\n=== Summary\n');
for (const { title, passed, note } of results) {
  process.stdout.write(`${passed ? 'passed' : 'FAILED'}  ${title} (${note})\n`);
}
if (portable.length > 0 && wasm !== 'ready') process.stdout.write(`skipped The same as WebAssembly, which is ${wasm}: npm run build:wasm\n`);
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
