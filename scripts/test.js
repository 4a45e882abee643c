'use strict';

// npm test: provides what is missing, runs every suite to its end and sums up. `npm test -- NAME...` runs only
// the JavaScript specs whose path contains one of the names.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { RELEASE_FEATURES, root } = require('./addon');

const LIMIT = 15 * 60 * 1000; // milliseconds for one step; only a hang gets near it

function specs(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : specs(file);
    return entry.name.endsWith('.spec.js') ? [path.relative(root, file)] : [];
  }).sort();
}

function run(title, command, args) {
  process.stdout.write(`\n=== ${title}\n`);
  const started = Date.now();
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', timeout: LIMIT });
  if (error) process.stderr.write(`${command}: ${error.message}\n`);
  const passed = status === 0;
  return { title, passed, note: `${((Date.now() - started) / 1000).toFixed(1)} s${signal ? `, ended by ${signal}` : ''}` };
}

const node = process.execPath;
const names = process.argv.slice(2);
const all = specs(path.join(root, '__test__'));
const unknown = names.filter((name) => !all.some((file) => file.includes(name)));
if (unknown.length > 0) {
  process.stderr.write(`No spec under __test__ has ${unknown.map((name) => JSON.stringify(name)).join(' or ')} in its path.\n`);
  process.exit(1);
}
const files = names.length === 0 ? all : all.filter((file) => names.some((name) => file.includes(name)));

const provision = run('What is missing', node, ['scripts/provision.js', '--with-dev-dependencies']);
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
// A file that hangs, even in a loop that never yields, is ended; Node.js 18 has no such option.
const limit = Number(process.versions.node.split('.')[0]) >= 20 ? ['--test-timeout=300000'] : [];
results.push(run(`JavaScript specs (${files.length} files)`, node, ['--test', '--test-reporter=spec', ...limit, ...files]));
// On Node's streams, and with clients dialled through Node, what stood on the path past them; elsewhere there is
// only one path. (native_*.spec.js test the socket that is not used then.)
const paths = ['linux', 'darwin'].includes(process.platform) ? files.filter((file) => /client_|contract|dependents|differential|kernel_|large_messages|departure|peers|reentry|payload|throw|longest|stress|soak/.test(file)) : [];
if (paths.length > 0) {
  process.env.FAYE_WEBSOCKET_KERNEL_SOCKET = '0';
  results.push(run(`The same on the other paths (${paths.length} files)`, node, ['--test', '--test-reporter=spec', ...limit, ...paths]));
}

process.stdout.write('\n=== Summary\n');
for (const { title, passed, note } of results) {
  process.stdout.write(`${passed ? 'passed' : 'FAILED'}  ${title} (${note})\n`);
}
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
