'use strict';

// The package manager of a project, and its commands.

const fs = require('node:fs');
const path = require('node:path');

/** @type {{ [name: string]: { addOptional: (name: string) => string, execute: (command: string) => string, install: string } }} */
const MANAGERS = {
  npm: { addOptional: (name) => `npm install --include=optional --save-optional ${name}`, execute: (what) => `npx faye-websocket-rs ${what}`, install: 'npm install' },
  pnpm: { addOptional: (name) => `pnpm add --save-optional ${name}`, execute: (what) => `pnpm dlx faye-websocket-rs ${what}`, install: 'pnpm install' },
  'yarn 1': { addOptional: (name) => `yarn add --optional ${name}`, execute: (what) => `npx faye-websocket-rs ${what}`, install: 'yarn install' },
  yarn: { addOptional: (name) => `yarn add --optional ${name}`, execute: (what) => `yarn dlx faye-websocket-rs ${what}`, install: 'yarn install' },
  bun: { addOptional: (name) => `bun add --optional ${name}`, execute: (what) => `bunx faye-websocket-rs ${what}`, install: 'bun install' },
  deno: { addOptional: (name) => `deno add npm:${name}`, execute: (what) => `deno run --allow-all npm:faye-websocket-rs ${what}`, install: 'deno install' },
};

/**
 * Files that a package manager leaves in a project, by manager; the first that is found decides.
 *
 * @type {[name: string, files: string[]][]}
 */
const TRACES = [
  ['pnpm', ['pnpm-lock.yaml', path.join('node_modules', '.pnpm')]],
  ['yarn', ['.yarnrc.yml', '.pnp.cjs']],
  ['yarn 1', ['yarn.lock']],
  ['bun', ['bun.lock', 'bun.lockb']],
  ['deno', ['deno.lock', 'deno.json']],
  ['npm', ['package-lock.json', path.join('node_modules', '.package-lock.json')]],
];

/**
 * The manager whose files are in the folder, or in the nearest folder above; npm without any.
 *
 * @param {string} folder
 * @returns {string}
 */
function managerName(folder) {
  for (let place = path.resolve(folder); ; place = path.dirname(place)) {
    if (path.basename(place) !== 'node_modules' && place !== path.resolve(folder, 'node_modules')) {
      const found = TRACES.find(([, names]) => names.some((name) => fs.existsSync(path.join(place, name))));
      if (found) return found[0];
    }
    if (path.dirname(place) === place) return process.versions.bun ? 'bun' : 'npm';
  }
}

/**
 * @param {string} folder of a project, or of a package that is installed in it
 * @returns {{ name: string, addOptional: (name: string) => string, execute: (command: string) => string, install: string }}
 *   how packages are added to it and how our command is run
 */
function managerOf(folder) {
  const name = managerName(folder);
  return { name, ...MANAGERS[name] };
}

module.exports = { managerOf };
