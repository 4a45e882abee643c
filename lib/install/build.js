'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { Worker } = require('node:worker_threads');
const { BuildError, addonPath, buildAddon, root } = require('../../scripts/addon');
const { findCopies } = require('./copies');
const { platformName } = require('./platform');

/** @type {{ [platform: string]: string }} */
const NEEDS = {
  linux: 'Rust, a C compiler, perl and make (Debian: build-essential; Alpine: apk add rust cargo gcc musl-dev make perl), network for crates',
  darwin: 'Rust, the Xcode command line tools, network for crates',
  win32: 'Rust, the Visual Studio build tools, network for crates',
};

/** @param {string} text */
function say(text) {
  process.stderr.write(`faye-websocket-rs: ${text}\n`);
}

/**
 * Prints now and then for how long the build has been running, from another thread, as this one waits for cargo. On a
 * terminal cargo shows its progress itself.
 *
 * @returns {() => void} ends it
 */
function sayThatItGoesOn() {
  if (process.stderr.isTTY) return () => {};
  const clock = new Worker(`
    const started = Date.now();
    setInterval(() => require('node:fs').writeSync(2, \`faye-websocket-rs: still compiling, \${Math.round((Date.now() - started) / 1000)} s\\n\`), 20000);
  `, { eval: true });
  return () => { clock.terminate(); };
}

/**
 * Copies of this release in the project; this copy where there are none.
 *
 * @param {string} project
 * @returns {string[]} folders
 */
function targets(project) {
  const { version } = require('../../package.json');
  const same = [];
  for (const { folder, manifest, isOurs } of findCopies(project)) {
    if (!isOurs || folder === null) continue;
    if (manifest.version === version) {
      same.push(folder);
    } else {
      say(`${folder} is release ${manifest.version} and this is ${version}; for that one run: node ${path.join(folder, 'bin', 'faye-websocket-rs.js')} build`);
    }
  }
  return same.length > 0 ? same : [root];
}

/**
 * Compiles the addon from the sources in the package, and puts it into every copy that the project loads.
 *
 * @param {string} project its folder
 * @returns {Promise<number>} exit code
 */
async function build(project) {
  const started = Date.now();
  say(`compiling the native addon for ${platformName()}; this takes some minutes.`);
  say(`It needs ${NEEDS[process.platform] || 'Rust, a C compiler and network for crates'}.`);
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'faye-websocket-rs-'));
  const fallSilent = sayThatItGoesOn();
  try {
    const file = buildAddon({ targetDir: path.join(scratch, 'target'), to: path.join(scratch, path.basename(addonPath())) });
    const { status, stderr } = spawnSync(process.execPath, ['-e', 'require(process.argv[1])', file], { encoding: 'utf8' });
    if (status !== 0) throw new BuildError(`the addon was compiled but does not load:\n${stderr}`);
    for (const folder of targets(project)) {
      const target = path.join(folder, 'lib', path.basename(file));
      // Replaced, not overwritten, as a running process may have the old file mapped.
      fs.copyFileSync(file, `${target}.${process.pid}`);
      fs.renameSync(`${target}.${process.pid}`, target);
      say(`built ${target} in ${((Date.now() - started) / 1000).toFixed(0)} s.`);
    }
    return 0;
  } catch (/** @type {any} */ error) {
    if (error instanceof BuildError) say(error.message);
    else if (['EROFS', 'EACCES', 'EPERM', 'ENOTDIR'].includes(error.code)) {
      say(`cannot write there: ${error.message}${process.versions.pnp ? '\nUnder Plug\'n\'Play the package is in an archive: run `yarn unplug faye-websocket-rs` first.' : ''}`);
    } else throw error;
    return 1;
  } finally {
    fallSilent();
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

module.exports = build;
