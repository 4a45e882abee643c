'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { findCopies } = require('./copies');
const { managerOf } = require('./package_manager');
const { platformName } = require('./platform');

/** A program that loads a copy of this package and prints the file of its addon. */
const PROBE = `
  try {
    require(process.argv.at(-1));
    const file = Object.keys(require.cache).find((name) => name.endsWith('.node'));
    console.log(JSON.stringify({ file: file || 'unknown' }));
  } catch ({ code, message }) {
    console.log(JSON.stringify({ code, message }));
  }`;

/**
 * How a project overrides faye-websocket in its dependencies by this package, by package manager.
 *
 * @type {{ [manager: string]: string }}
 */
const OVERRIDES = {
  npm: '"dependencies": { "faye-websocket": "npm:faye-websocket-rs@^VERSION" }, "overrides": { "faye-websocket": "$faye-websocket" } in package.json',
  pnpm: 'overrides: { faye-websocket: "npm:faye-websocket-rs@^VERSION" } in pnpm-workspace.yaml',
  'yarn 1': '"resolutions": { "faye-websocket": "npm:faye-websocket-rs@^VERSION" } in package.json',
  yarn: '"resolutions": { "faye-websocket": "npm:faye-websocket-rs@^VERSION" } in package.json',
  bun: '"overrides": { "faye-websocket": "npm:faye-websocket-rs@^VERSION" } in package.json',
  deno: '"overrides": { "faye-websocket": "npm:faye-websocket-rs@^VERSION" } in package.json',
};

/**
 * Loads a copy in a process of its own.
 *
 * @param {string} folder of the copy
 * @param {string} project
 * @returns {{ file?: string, code?: string, message?: string }} the addon's file, or the error
 */
function probe(folder, project) {
  const pnp = path.join(project, '.pnp.cjs');
  const { stdout, stderr } = spawnSync(process.execPath, [...(fs.existsSync(pnp) ? ['--require', pnp] : []), '-e', PROBE, folder], {
    cwd: project, encoding: 'utf8', timeout: 60000, env: { ...process.env, NODE_OPTIONS: '', FAYE_WEBSOCKET_WASM: '0' },
  });
  try {
    return JSON.parse(stdout);
  } catch {
    return { message: String(stderr).trim().split('\n').pop() || 'the process that loaded it ended without a word' };
  }
}

/**
 * A text about a copy.
 *
 * @param {import('./copies').Copy} copy
 * @param {{ file?: string, code?: string }} state the result of `probe`
 * @returns {string}
 */
function describe({ manifest, isOurs }, { file, code }) {
  if (!isOurs) return `the original, ${manifest.name} ${manifest.version}`;
  const ours = `faye-websocket-rs ${manifest.version}`;
  if (file === undefined) return `ours, ${ours}, whose binary does not load${code ? ` (${code})` : ''}`;
  return `ours, ${ours}, native (${/[\\/]lib[\\/][^\\/]*$/.test(file) ? 'built here' : path.basename(path.dirname(file))})`;
}

/**
 * Prints which copies of faye-websocket a project loads, and what to do about those that are not this package or do not
 * load.
 *
 * @param {string} project its folder
 * @returns {Promise<number>} exit code: 0 when all are ours and native
 */
async function doctor(project) {
  const say = (text = '') => process.stdout.write(`${text}\n`);
  const manager = managerOf(project);
  const advice = [];
  say(`Node.js ${process.version} on ${platformName()}, ${manager.name}, in ${project}`);
  const copies = findCopies(project);
  if (copies.length === 0) {
    say('No package here depends on faye-websocket or faye-websocket-rs.');
    return 1;
  }
  for (const copy of copies) {
    const { folder, isOurs, users } = copy;
    if (folder === null) {
      say(`\nnot installed\n  wanted by ${users.join(', ')}`);
      advice.push(`${manager.install}: ${users.join(', ')} cannot load what package.json asks for.`);
      continue;
    }
    const state = isOurs ? probe(folder, project) : {};
    say(`\n${path.relative(project, folder) || '.'}\n  ${describe(copy, state)}\n  used by ${users.join(', ')}`);
    if (!isOurs) {
      const { version } = require('../../package.json');
      advice.push(`${users.join(', ')}: load the original. To have them load ours: ${OVERRIDES[manager.name].replace('VERSION', version)}, then ${manager.install}.`);
    } else if (state.file === undefined) {
      advice.push(state.message ?? `What ${path.relative(project, folder)} throws has no message.`);
    }
  }
  say(advice.length === 0 ? '\nAll is well.' : `\nWhat to do:\n${advice.map((each) => `- ${each.replace(/\n/g, '\n  ')}`).join('\n')}`);
  return advice.length === 0 ? 0 : 1;
}

module.exports = doctor;
