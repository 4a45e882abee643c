'use strict';

// zig, which compiles and links for every platform, and cargo-zigbuild, from PyPI into .cache/tools.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { BuildError, root } = require('./addon');

const PACKAGES = ['ziglang==0.15.2', 'cargo-zigbuild==0.24.1'];

/** The folder with both. */
const tools = path.join(root, '.cache', 'tools');

/** Runs a command to its end. */
function run(command, args, env = process.env) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env });
  if (error) throw new BuildError(`${command}: ${error.message}`);
  if (status !== 0) throw new BuildError(`${path.basename(command)} failed; its messages are above.`);
}

function provideTools() {
  if (fs.existsSync(path.join(tools, 'bin', 'cargo-zigbuild'))) return;
  run('python3', ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', tools, ...PACKAGES]);
}

/** Runs zig. */
function zig(args) {
  provideTools();
  run('python3', ['-m', 'ziglang', ...args], { ...process.env, PYTHONPATH: tools });
}

module.exports = { provideTools, run, tools, zig };
