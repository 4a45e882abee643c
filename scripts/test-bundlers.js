'use strict';

// npm run test:bundlers: runs the recipes of docs/bundlers.md, on the package as it is published.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { root } = require('./addon');
const { provide } = require('./npm');
const { PROGRAM, TO_AND_FRO, succeed } = require('./rehearsal/use');
const { stage } = require('./stage');
const { wasmState } = require('./wasm');

const TOOLS = {
  esbuild: '0', webpack: '5', 'webpack-cli': '6', 'node-loader': '2', rollup: '4', '@rollup/plugin-commonjs': '29', '@rollup/plugin-json': '6',
  '@rollup/plugin-node-resolve': '16', vite: '7', '@vercel/ncc': '0',
};

const SERVER = `
import http from 'node:http';
import WebSocket from 'faye-websocket-rs';
${PROGRAM}`;

const tools = path.join(root, '.cache', 'bundlers');
const asked = process.argv.slice(2);

/** Texts of code blocks, by language. */
const blocks = (text) => [...text.matchAll(/```(\w+)\n([^]*?)```/g)].map(([, language, code]) => ({ language, code }));

/**
 * The page's recipes: `outside` or `beside`, with the files and the commands that stand under that word; and the commands
 * that put WebAssembly beside a bundle.
 */
function readPage() {
  const recipes = [];
  let portable = [];
  for (const section of fs.readFileSync(path.join(root, 'docs', 'bundlers.md'), 'utf8').split(/^## /m).slice(1)) {
    const [bundler] = section.split('\n');
    const kept = {};
    for (const part of section.split(/^(?=Outside|Beside)/m).slice(1)) {
      const commands = [];
      for (const { language, code } of blocks(part)) {
        if (language === 'sh') commands.push(...code.trim().split('\n'));
        else kept[/^\/\/ (\S+)/.exec(code)[1]] = code;
      }
      recipes.push({ bundler, way: /^\w+/.exec(part)[0].toLowerCase(), files: { ...kept }, commands });
    }
    if (bundler === 'WebAssembly') portable = blocks(section).flatMap(({ code }) => code.trim().split('\n'));
  }
  return { recipes, portable };
}

/** A project in which the package is installed, and the bundlers, from the folder that keeps them. */
function project(scratch, folders) {
  const folder = path.join(scratch, 'project');
  const modules = path.join(folder, 'node_modules');
  fs.mkdirSync(modules, { recursive: true });
  for (const name of fs.readdirSync(path.join(tools, 'node_modules'))) {
    fs.symlinkSync(path.join(tools, 'node_modules', name), path.join(modules, name));
  }
  for (const place of folders) {
    const { name } = JSON.parse(fs.readFileSync(path.join(place, 'package.json'), 'utf8'));
    fs.cpSync(place, path.join(modules, name), { recursive: true });
  }
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ private: true, type: 'commonjs', dependencies: { 'faye-websocket-rs': '*' } }));
  fs.writeFileSync(path.join(folder, 'server.mjs'), SERVER);
  return folder;
}

/** Runs the commands of a recipe; those that are no bundler's are the system's. */
async function perform(commands, folder) {
  for (const command of commands) {
    const [name, ...args] = command.split(' ');
    const bundler = path.join(folder, 'node_modules', '.bin', name);
    await succeed([fs.existsSync(bundler) ? bundler : name, ...args], folder);
  }
}

/** Follows a recipe, and runs what comes of it: natively, and where it was built as WebAssembly. */
async function follow({ way, files, commands }, { folder, elsewhere, portable }) {
  const dist = path.join(folder, 'dist');
  fs.rmSync(dist, { recursive: true, force: true });
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
  await perform(commands, folder);
  if (way === 'beside' && !fs.readdirSync(dist).some((name) => name.endsWith('.node'))) throw new Error('no binary lies beside the bundle');
  if (way === 'beside' && portable !== undefined) await perform(portable, folder);
  const place = way === 'beside' ? elsewhere : dist;
  if (way === 'beside') {
    fs.rmSync(place, { recursive: true, force: true });
    fs.renameSync(dist, place);
  }
  const main = ['server.js', 'server.mjs', 'index.js', 'index.mjs'].map((name) => path.join(place, name)).find(fs.existsSync);
  const command = [process.execPath, main];
  await succeed(command, place, { ...process.env, FAYE_WEBSOCKET_WASM: '0' }, TO_AND_FRO);
  if (portable !== undefined) await succeed([process.execPath, '--no-addons', main], place, process.env, TO_AND_FRO);
}

(async () => {
  provide(tools, TOOLS);
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'bundlers-'));
  const { recipes, portable } = readPage();
  const isPortable = wasmState() !== 'missing';
  const outcomes = [];
  try {
    const folder = project(scratch, stage({ to: path.join(scratch, 'npm') }));
    for (const recipe of recipes) {
      const { bundler, way } = recipe;
      if (asked.length > 0 && !asked.some((name) => bundler.toLowerCase().includes(name))) continue;
      let fault = '';
      try {
        await follow(recipe, { folder, elsewhere: path.join(scratch, 'elsewhere'), ...(isPortable && { portable }) });
      } catch (error) {
        fault = `: ${error.message}`;
      }
      outcomes.push(fault === '');
      process.stdout.write(`${fault ? 'FAILED' : 'passed'}  ${bundler}, ${way}${isPortable ? ', also as WebAssembly' : ''}${fault}\n`);
    }
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
  const failed = outcomes.filter((isGood) => !isGood).length;
  if (!isPortable) process.stdout.write('skipped the same as WebAssembly, which is missing: npm run build:wasm\n');
  process.stdout.write(`${outcomes.length - failed} passed, ${failed} failed\n`);
  process.exitCode = failed > 0 ? 1 : 0;
})();
