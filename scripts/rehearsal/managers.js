'use strict';

// The package managers a publication is rehearsed with, from npm packages: how each installs, with every script blocked
// where there is a switch for it, and how a program is run in its projects.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../addon');
const { bunBinary, denoBinary, nodeBinary, packageFolder } = require('../node_binary');

const node = () => nodeBinary(24);
const inNode = (specifier, file) => () => [node(), path.join(packageFolder(specifier), file)];
const runWithNode = (file, ...args) => [node(), file, ...args];

const README = fs.readFileSync(path.join(root, 'README.md'), 'utf8');

/** The README's recipe for an override, as files of a project. */
function recipe(manager) {
  for (const [, names, language, text] of README.matchAll(/<!-- recipe: ([\w, ]+) -->\n```(\w+)\n([^]*?)```/g)) {
    if (!names.split(', ').includes(manager)) continue;
    return language === 'yaml' ? { 'pnpm-workspace.yaml': text } : { 'package.json': JSON.parse(text) };
  }
  throw new Error(`The README has no recipe for ${manager}.`);
}

const npm = (major) => ({
  name: `npm ${major}`,
  command: inNode(`npm@${major}`, 'bin/npm-cli.js'),
  install: ['install', '--ignore-scripts', '--no-audit', '--no-fund'],
  withoutOptional: ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=optional'],
  files: ({ registry }) => ({ '.npmrc': `registry=${registry}\n` }),
  override: () => recipe('npm'),
  execute: ['exec', '--no', '--', 'faye-websocket-rs'],
});

const pnpm = (major, command) => ({
  name: `pnpm ${major}`,
  command,
  install: ['install', '--ignore-scripts', '--no-frozen-lockfile'],
  withoutOptional: ['install', '--ignore-scripts', '--no-frozen-lockfile', '--no-optional'],
  files: ({ registry, scratch }) => ({ '.npmrc': `registry=${registry}\nstore-dir=${scratch}/store\n` }),
  override: () => recipe('pnpm'),
  execute: ['dlx', 'faye-websocket-rs'],
});

const yarn4 = (linker) => ({
  name: `yarn 4, ${linker}`,
  command: inNode('@yarnpkg/cli-dist@4', 'bin/yarn.js'),
  install: ['install', '--no-immutable', '--mode=skip-build'],
  files: ({ registry }) => ({
    '.yarnrc.yml': `npmRegistryServer: "${registry}"\nunsafeHttpWhitelist: ["127.0.0.1"]\nenableTelemetry: false\nnodeLinker: ${linker}\n`,
    'yarn.lock': '',
  }),
  override: () => recipe('yarn'),
  ...(linker === 'pnp' && { run: (file, ...args) => [...inNode('@yarnpkg/cli-dist@4', 'bin/yarn.js')(), 'node', file, ...args] }),
  execute: ['dlx', 'faye-websocket-rs'],
});

const MANAGERS = [
  npm(10), npm(11), npm(12),
  pnpm(10, inNode('pnpm@10', 'bin/pnpm.cjs')), pnpm(11, inNode('pnpm@11', 'bin/pnpm.mjs')),
  pnpm(12, () => [path.join(packageFolder(`@pnpm/exe.${process.platform}-${process.arch}@12`), 'pnpm')]),
  {
    name: 'yarn 1',
    command: inNode('yarn@1', 'bin/yarn.js'),
    install: ['install', '--ignore-scripts', '--non-interactive'],
    withoutOptional: ['install', '--ignore-scripts', '--non-interactive', '--ignore-optional'],
    files: ({ registry }) => ({ '.npmrc': `registry=${registry}\n`, '.yarnrc': `registry "${registry}"\n` }),
    override: () => recipe('yarn'),
    execute: ['run', 'faye-websocket-rs'],
  },
  yarn4('node-modules'), yarn4('pnp'),
  {
    name: 'bun',
    command: () => [bunBinary()],
    install: ['install', '--ignore-scripts'],
    withoutOptional: ['install', '--ignore-scripts', '--omit=optional'],
    files: ({ registry }) => ({ 'bunfig.toml': `[install]\nregistry = "${registry}"\n` }),
    override: () => recipe('bun'),
    run: (file, ...args) => [bunBinary(), file, ...args],
    execute: ['x', '--no-install', 'faye-websocket-rs'],
  },
  {
    name: 'deno',
    command: () => [denoBinary()],
    install: ['install'],
    files: ({ registry }) => ({ '.npmrc': `registry=${registry}\n`, 'deno.json': { nodeModulesDir: 'auto' } }),
    override: () => recipe('deno'),
    run: (file, ...args) => [denoBinary(), 'run', '--allow-all', file, ...args],
    execute: ['run', '--allow-all', 'npm:faye-websocket-rs'],
  },
].map((manager) => ({ run: runWithNode, ...manager }));

module.exports = { MANAGERS };
