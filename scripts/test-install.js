'use strict';

// npm run test:install: rehearses a publication. What `npm run stage` lays out is published to a registry on this
// machine; then each package manager installs it in each way the README names, all scripts blocked, and a program uses
// it there. Prints a table. `npm run test:install -- NAME...` takes the managers whose name begins with one of the names.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { root } = require('./addon');
const { nodeBinary, packageFolder } = require('./node_binary');
const { MANAGERS } = require('./rehearsal/managers');
const { startRegistry } = require('./rehearsal/registry');
const { PROGRAM, TO_AND_FRO, run, succeed } = require('./rehearsal/use');
const { stage } = require('./stage');
const { targets } = require('./targets');
const { files: portable } = require('./wasm');

const { version } = require('../package.json');
/** Whether the main package works without a binary. */
const isPortable = portable.every(fs.existsSync);

/** Loads `name` as the package in argv[2] would, says whether it is ours, and uses it. */
const USER = `
const http = require('node:http');
const { createRequire } = require('node:module');
const [name, user] = process.argv.slice(2);
const from = user ? createRequire(require.resolve(user + '/package.json')) : require;
const WebSocket = from(name);
const { name: real, scripts } = from(name + '/package.json');
if (real !== 'faye-websocket-rs') throw new Error('loads ' + real);
if (scripts) throw new Error('has scripts');
${PROGRAM}`;

/** Variables of one project: nothing of the person who runs this, caches of its own. */
function environment(scratch) {
  const { PATH, NODE_EXTRA_CA_CERTS, SSL_CERT_FILE } = process.env;
  return {
    PATH: path.dirname(nodeBinary(24)) + path.delimiter + PATH, HOME: scratch, XDG_CACHE_HOME: `${scratch}/cache`, XDG_DATA_HOME: `${scratch}/data`,
    npm_config_cache: `${scratch}/npm`, YARN_CACHE_FOLDER: `${scratch}/yarn`, YARN_GLOBAL_FOLDER: `${scratch}/yarn-global`,
    BUN_INSTALL_CACHE_DIR: `${scratch}/bun`, DENO_DIR: `${scratch}/deno`, NO_UPDATE_NOTIFIER: '1', DENO_NO_UPDATE_CHECK: '1', CI: '1',
    ...(NODE_EXTRA_CA_CERTS && { NODE_EXTRA_CA_CERTS }), ...(SSL_CERT_FILE && { SSL_CERT_FILE }), NO_COLOR: '1',
  };
}

function layOut(folder, files) {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    const earlier = typeof content === 'object' && fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
    const merged = typeof content === 'string' ? content : JSON.stringify({
      ...earlier, ...content, ...(earlier.dependencies && { dependencies: { ...earlier.dependencies, ...content.dependencies } }),
    }, null, 2);
    fs.writeFileSync(file, merged);
  }
}

/** Ways of installing, as the README has them. Each returns what remains to be said in the table. */
const WAYS = {
  async name({ install, use }) {
    await install({ 'package.json': { dependencies: { 'faye-websocket-rs': `^${version}` } } });
    await use('faye-websocket-rs');
  },
  async alias({ install, use }) {
    await install({ 'package.json': { dependencies: { 'faye-websocket': `npm:faye-websocket-rs@^${version}` } } });
    await use('faye-websocket');
  },
  async override({ install, use, doctor, manager }) {
    await install({ 'package.json': { dependencies: { sockjs: '0.3.24' } } }, manager.override());
    await use('faye-websocket', 'sockjs');
    await doctor();
  },
  async recovery({ folder, env, install, use, manager, withoutBinary }) {
    if (manager.withoutOptional === undefined) return 'no switch';
    await install({ 'package.json': { dependencies: { 'faye-websocket-rs': `^${version}` } } }, {}, manager.withoutOptional);
    const [, line] = /To install it: (.*)/.exec(await withoutBinary('faye-websocket-rs')) || [];
    if (line === undefined) throw new Error('no command is named');
    const [name, ...args] = line.split(' ');
    if (name !== manager.name.split(' ')[0]) throw new Error(`the command of another manager is named: ${line}`);
    await succeed([...manager.command(), ...args], folder, env);
    if (/WebAssembly/.test(await use('faye-websocket-rs'))) throw new Error('the binary is not used');
  },
};

async function attempt(manager, way, registry) {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'rehearsal-'));
  const folder = path.join(scratch, 'project');
  const env = environment(scratch);
  fs.mkdirSync(folder);
  const program = (...args) => manager.run('program.js', ...args);
  try {
    layOut(folder, { 'package.json': { name: 'project', version: '1.0.0', private: true, type: 'commonjs' }, 'program.js': USER });
    const note = await WAYS[way]({
      folder, env, manager,
      async install(files, more = {}, args = manager.install) {
        layOut(folder, { ...manager.files({ registry: registry.url, scratch }) });
        layOut(folder, files);
        layOut(folder, more);
        await succeed([...manager.command(), ...args], folder, env);
      },
      use: (...args) => succeed(program(...args), folder, env, TO_AND_FRO),
      doctor: () => succeed([...manager.command(), ...manager.execute, 'doctor'], folder, env, /All is well/),
      // WebAssembly does, where it was built, and says what is missing.
      async withoutBinary(...args) {
        const { isGood, output } = await run(program(...args), folder, env);
        if (isGood !== isPortable || isPortable && !/FAYE_WEBSOCKET_WASM/.test(output)) throw new Error(`without its binary it printed:\n${output}`);
        return output;
      },
    });
    return note || 'works';
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}

/** Publishes as the release workflow does. The binaries of other platforms, which are not run here, are empty. */
async function publish(registry, scratch) {
  const binaries = path.join(scratch, 'binaries');
  fs.mkdirSync(binaries);
  for (const { file } of targets()) {
    const own = path.join(root, 'lib', file);
    if (fs.existsSync(own)) fs.copyFileSync(own, path.join(binaries, file));
    else fs.writeFileSync(path.join(binaries, file), '');
  }
  const env = { ...environment(scratch), npm_config_registry: registry.url, [`npm_config_//${new URL(registry.url).host}/:_authToken`]: 'rehearsal' };
  fs.writeFileSync(path.join(scratch, '.npmrc'), `//${new URL(registry.url).host}/:_authToken=rehearsal\n`);
  const npm = [nodeBinary(24), path.join(packageFolder('npm@11'), 'bin', 'npm-cli.js')];
  for (const folder of stage({ binaries, to: path.join(scratch, 'npm'), all: true })) {
    await succeed([...npm, 'publish', '--access', 'public', '--registry', registry.url], folder, env);
  }
}

(async () => {
  const asked = process.argv.slice(2);
  const managers = MANAGERS.filter(({ name }) => asked.length === 0 || asked.some((each) => name.startsWith(each)));
  const upstream = (await succeed(['npm', 'config', 'get', 'registry'], root, process.env)).trim();
  const registry = await startRegistry(upstream);
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'publication-'));
  let failed = 0;
  const rows = [];
  try {
    await publish(registry, scratch);
    process.stdout.write(`Published: ${registry.names().join(', ')}\n\n`);
    for (const manager of managers) {
      const row = [manager.name];
      for (const way of Object.keys(WAYS)) {
        try {
          row.push(await attempt(manager, way, registry));
        } catch (error) {
          failed++;
          row.push('FAILS');
          process.stdout.write(`--- ${manager.name}, ${way}: ${error.message}\n`);
        }
      }
      rows.push(row);
      process.stdout.write(`${row.join(' | ')}\n`);
    }
  } finally {
    registry.close();
    fs.rmSync(scratch, { recursive: true, force: true });
  }
  const head = ['manager', ...Object.keys(WAYS)];
  process.stdout.write(`\n| ${head.join(' | ')} |\n|${head.map(() => '---').join('|')}|\n${rows.map((row) => `| ${row.join(' | ')} |\n`).join('')}`);
  process.stdout.write(`\n${rows.length * Object.keys(WAYS).length - failed} passed, ${failed} failed\n`);
  process.exitCode = failed ? 1 : 0;
})();
