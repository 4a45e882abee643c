'use strict';

// npm run test:bundlers: runs the recipes of docs/bundlers.md, on the package as it is published.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { root } = require('./addon');
const { stage } = require('./stage');

const TOOLS = {
  esbuild: '0', webpack: '5', 'webpack-cli': '6', 'node-loader': '2', rollup: '4', '@rollup/plugin-commonjs': '29', '@rollup/plugin-json': '6',
  '@rollup/plugin-node-resolve': '16', vite: '7', '@vercel/ncc': '0',
};
const LIMIT = 120000; // milliseconds for one command

const PROGRAM = `
import http from 'node:http';
import WebSocket from 'faye-websocket-rs';
const server = http.createServer().on('upgrade', (request, socket, head) => {
  const ws = new WebSocket(request, socket, head, [], { deflate: true });
  ws.on('message', (event) => ws.send(event.data));
}).listen(0, '127.0.0.1', () => {
  const ws = new WebSocket.Client('ws://127.0.0.1:' + server.address().port + '/', [], { deflate: true });
  ws.on('open', () => ws.send('to and fro'));
  ws.on('error', (event) => { console.log(event.message); process.exit(1); });
  ws.on('message', (event) => { console.log(event.data); ws.close(); });
  ws.on('close', () => server.close(() => process.exit(0)));
});
`;

const tools = path.join(root, '.cache', 'bundlers');
const asked = process.argv.slice(2);

/** The page's recipes: `outside` or `beside`, with the files and the commands that stand under that word. */
function recipes() {
  const page = fs.readFileSync(path.join(root, 'docs', 'bundlers.md'), 'utf8');
  const found = [];
  for (const section of page.split(/^## /m).slice(1)) {
    const [bundler] = section.split('\n');
    const kept = {};
    for (const part of section.split(/^(?=Outside|Beside)/m).slice(1)) {
      const commands = [];
      for (const [, language, text] of part.matchAll(/```(\w+)\n([^]*?)```/g)) {
        if (language === 'sh') commands.push(...text.trim().split('\n'));
        else kept[/^\/\/ (\S+)/.exec(text)[1]] = text;
      }
      found.push({ bundler, way: /^\w+/.exec(part)[0].toLowerCase(), files: { ...kept }, commands });
    }
  }
  return found;
}

function provideTools() {
  const manifest = JSON.stringify({ private: true, dependencies: TOOLS });
  const file = path.join(tools, 'package.json');
  if (fs.existsSync(file) && fs.readFileSync(file, 'utf8') === manifest) return;
  fs.mkdirSync(tools, { recursive: true });
  fs.writeFileSync(file, manifest);
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const { status } = spawnSync(npm[0], [...npm.slice(1), 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'], {
    cwd: tools, stdio: 'inherit',
  });
  if (status !== 0) {
    fs.rmSync(file);
    throw new Error('The bundlers could not be installed.');
  }
}

function run(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: LIMIT, killSignal: 'SIGKILL' });
  if (status !== 0) throw new Error(`${path.basename(command)} ${args.join(' ')}: ${error ? error.message : ''}\n${stdout}${stderr}`);
  return stdout;
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
  fs.writeFileSync(path.join(folder, 'server.mjs'), PROGRAM);
  return folder;
}

provideTools();
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'bundlers-'));
let failed = 0;
let passed = 0;
try {
  const folder = project(scratch, stage({ to: path.join(scratch, 'npm') }));
  for (const { bundler, way, files, commands } of recipes()) {
    if (asked.length > 0 && !asked.some((name) => bundler.toLowerCase().includes(name))) continue;
    const dist = path.join(folder, 'dist');
    try {
      fs.rmSync(dist, { recursive: true, force: true });
      for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
      for (const command of commands) {
        const [name, ...args] = command.split(' ');
        run(path.join(folder, 'node_modules', '.bin', name), args, folder);
      }
      const place = way === 'beside' ? path.join(scratch, 'elsewhere') : dist;
      if (way === 'beside') {
        fs.rmSync(place, { recursive: true, force: true });
        fs.renameSync(dist, place);
      }
      const main = ['server.js', 'server.mjs', 'index.js', 'index.mjs'].map((name) => path.join(place, name)).find(fs.existsSync);
      const output = run(process.execPath, [main], place);
      if (!output.includes('to and fro')) throw new Error(`printed ${output}`);
      if (way === 'beside' && !fs.readdirSync(place).some((name) => name.endsWith('.node'))) throw new Error('no binary lies beside the bundle');
      passed++;
      process.stdout.write(`passed  ${bundler}, ${way}\n`);
    } catch (error) {
      failed++;
      process.stdout.write(`FAILED  ${bundler}, ${way}: ${error.message}\n`);
    }
  }
} finally {
  fs.rmSync(scratch, { recursive: true, force: true });
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
