'use strict';

// The npm at hand as a command, and tools that it installs.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const IS_WINDOWS = process.platform === 'win32';

/**
 * @param {string[]} args
 * @returns {[string, string[], { shell?: boolean }]} command, arguments and options for `spawn`: the npm that runs us,
 *   through Node, which spares the difference between npm and npm.cmd
 */
function npm(args) {
  const running = process.env.npm_execpath;
  return running?.endsWith('.js') ? [process.execPath, [running, ...args], {}] : ['npm', args, { shell: IS_WINDOWS }];
}

/**
 * Installs packages into a folder of their own, unless they are there; no script runs.
 *
 * @param {string} folder
 * @param {{ [name: string]: string }} dependencies as in a package.json
 * @returns {string} the folder
 */
function provide(folder, dependencies) {
  const manifest = JSON.stringify({ private: true, dependencies });
  // Written when all is there: what was interrupted is done again.
  const done = path.join(folder, 'installed.json');
  if (fs.existsSync(done) && fs.readFileSync(done, 'utf8') === manifest) return folder;
  fs.mkdirSync(folder, { recursive: true });
  fs.rmSync(done, { force: true });
  fs.writeFileSync(path.join(folder, 'package.json'), manifest);
  const [command, args, options] = npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error']);
  const { status } = spawnSync(command, args, { cwd: folder, stdio: 'inherit', ...options });
  if (status !== 0) throw new Error(`Could not be installed: ${Object.keys(dependencies).join(', ')}.`);
  fs.writeFileSync(done, manifest);
  return folder;
}

module.exports = { npm, provide };
