'use strict';

// The package as it is published and installed: what is in it, how it loads, what it says when it cannot.

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const { SLOW, after, before, describe, it } = require('./support/spec');
const { countingThreads, major } = require('./support/node');
const { platformName } = require('../lib/install/platform');
const { addonPath } = require('../scripts/addon');
const { faults } = require('../scripts/inspect-binary');
const { stage } = require('../scripts/stage');
const { targets } = require('../scripts/targets');

const root = path.join(__dirname, '..');

function node(cwd, args, env = process.env) {
  return spawnSync(process.execPath, args, { cwd, env, encoding: 'utf8' });
}

describe('the published package', () => {
  let files;
  let folder;
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'package-'));
    stage({ to: folder, binaries: folder });
    folder = path.join(folder, 'faye-websocket-rs');
    files = fs.readdirSync(folder, { recursive: true }).map((name) => name.split(path.sep).join('/'));
  });
  after(() => fs.rmSync(path.dirname(folder), { recursive: true, force: true }));

  it('holds what it needs to run and to be built, and nothing else', () => {
    for (const file of ['index.js', 'index.d.ts', 'bin/faye-websocket-rs.js', 'lib/native_binding.js', 'lib/faye/websocket.js',
      'lib/faye/websocket/api.js', 'Cargo.toml', 'Cargo.lock', 'build.rs', '.cargo/config.toml', 'src/lib.rs', 'README.md', 'LICENSE']) {
      assert.ok(files.includes(file), `${file} is missing`);
    }
    const strangers = files.filter((file) => /^(__test__|target|examples|bench|node_modules|\.ci|\.github)\/|\.node$/.test(file));
    assert.deepStrictEqual(strangers, []);
  });

  it('runs no script where it is installed, and asks for the binaries of exactly its release', () => {
    const { scripts, devDependencies, dependencies, optionalDependencies, version } = require(path.join(folder, 'package.json'));
    assert.deepStrictEqual([scripts, devDependencies, dependencies], [undefined, undefined, undefined]);
    assert.deepStrictEqual(optionalDependencies, Object.fromEntries([
      'linux-x64-gnu', 'linux-x64-musl', 'linux-arm64-gnu', 'linux-arm64-musl', 'darwin-x64', 'darwin-arm64', 'win32-x64-msvc', 'win32-arm64-msvc',
    ].map((name) => [`@faye-websocket-rs/${name}`, version])));
  });

  it('looks for a binary of each of them', () => {
    const loader = fs.readFileSync(path.join(root, 'lib', 'native_binding.js'), 'utf8');
    for (const { package: name, file, os: system, cpu } of targets()) {
      const own = loader.slice(loader.indexOf(`'${system}-${cpu}'(`)).split('\n  },')[0];
      assert.ok(own.includes(`require('${name}')`), name);
      assert.ok(own.includes(`require('./${file}')`), file);
    }
  });

  it('loads few files, whichever of the original\'s paths is required', SLOW, () => {
    const file = path.join('lib', `faye-websocket-rs.${platformName()}.node`);
    fs.copyFileSync(path.join(root, file), path.join(folder, file));
    const program = `
      const assert = require('assert');
      const API = require('./lib/faye/websocket/api');
      const WebSocket = require('.');
      assert.ok(WebSocket.native);
      assert.ok(Object.keys(require.cache).length <= 8, Object.keys(require.cache).join());
      assert.strictEqual(require('./lib/faye/websocket'), WebSocket);
      assert.strictEqual(require('./lib/faye/websocket/client'), WebSocket.Client);
      assert.strictEqual(require('./lib/faye/eventsource'), WebSocket.EventSource);
      assert.ok(WebSocket.prototype instanceof API);
      assert.strictEqual(typeof require('./lib/faye/websocket/api/event').prototype.initEvent, 'function');
      assert.strictEqual(typeof require('./lib/faye/websocket/api/event_target').addEventListener, 'function');`;
    const { status, stderr } = node(folder, ['-e', program]);
    assert.strictEqual(status, 0, stderr);
    fs.rmSync(path.join(folder, file));
  });

  it('fails each time it is required where it has no binary', SLOW, () => {
    const program = `
      for (const name of ['.', './lib/faye/websocket', './lib/faye/websocket/client', '.']) {
        require('assert').throws(() => require(name), { code: 'ERR_FAYE_WEBSOCKET_NO_BINARY' });
      }`;
    const { status, stderr } = node(folder, ['-e', program], { ...process.env, FAYE_WEBSOCKET_WASM: '0' });
    assert.strictEqual(status, 0, stderr);
  });

  it('has a manifest that cargo accepts', SLOW, () => {
    const { status, stderr } = spawnSync('cargo', ['metadata', '--locked', '--no-deps', '--format-version', '1'], { cwd: folder, encoding: 'utf8' });
    assert.strictEqual(status, 0, stderr);
  });

  /** What a program prints that requires the package and cannot. */
  function failure(...flags) {
    const program = 'try { require(".") } catch (error) { console.error(error); process.exit(3) }';
    const { status, stderr } = node(folder, [...flags, '-e', program], { ...process.env, NODE_OPTIONS: '', FAYE_WEBSOCKET_WASM: '0' });
    assert.strictEqual(status, 3, stderr);
    assert.match(stderr, /code: 'ERR_FAYE_WEBSOCKET_NO_BINARY'/);
    assert.ok(stderr.includes(` in ${folder}\n`), stderr);
    assert.doesNotMatch(stderr, /\[cause\]|\[errors\]/);
    assert.ok(stderr.split('\n').length <= 20, stderr);
    return stderr;
  }

  it('says in a short error which package is missing, and one command that installs it', SLOW, () => {
    const name = `@faye-websocket-rs/${platformName()}`;
    assert.match(failure(), new RegExp(`The package ${name} is not installed: .*\nTo install it: npm install .*${name}@\\d`));
    for (const [trace, command] of [['pnpm-lock.yaml', 'pnpm add'], ['yarn.lock', 'yarn add'], ['bun.lock', 'bun add'], ['package-lock.json', 'npm install']]) {
      fs.writeFileSync(path.join(folder, trace), '');
      assert.match(failure(), new RegExp(`To install it: ${command} .*${name}@\\d.*\nTo compile it instead .*: \\w+ (dlx )?faye-websocket-rs build`));
      fs.rmSync(path.join(folder, trace));
    }
  });

  it('names the flag of Node that forbids addons', SLOW, () => {
    const file = path.join('lib', `faye-websocket-rs.${platformName()}.node`);
    fs.copyFileSync(path.join(root, file), path.join(folder, file));
    const permission = major >= 24 ? '--permission' : '--experimental-permission';
    for (const [flags, advice] of [[['--no-addons'], /--no-addons/], [[permission, '--allow-fs-read=*'], /--allow-addons/]]) {
      const message = failure(...flags);
      assert.match(message, advice);
      assert.doesNotMatch(message, /Rust|install/);
    }
    fs.rmSync(path.join(folder, file));
  });

  it('says why an installed binary does not load, and how to compile another', SLOW, () => {
    const file = path.join(folder, 'lib', `faye-websocket-rs.${platformName()}.node`);
    fs.writeFileSync(file, 'not an addon');
    assert.match(failure(), /Its binary does not load: .*(ELF|too short|slice|mach-o|Win32)[^\n]*\nTo compile one .*: npx faye-websocket-rs build/i);
    fs.rmSync(file);
  });

  it('names the tools for compiling that are missing', SLOW, () => {
    const { status, stderr } = node(folder, ['bin/faye-websocket-rs.js', 'build'], { ...process.env, PATH: folder, Path: folder });
    assert.strictEqual(status, 1);
    assert.match(stderr, /needs Rust/);
    assert.match(stderr, /https:\/\/rustup\.rs/);
  });

  it('puts the compiled addon into the copy that the project loads', { ...SLOW, skip: process.platform === 'win32' && 'stands in for cargo with a shell script' }, () => {
    const project = fs.mkdtempSync(path.join(os.tmpdir(), 'project-'));
    const [copy, stubs, library] = ['node_modules/faye-websocket', 'stubs', 'libfaye_websocket_rs.so'].map((name) => path.join(project, name));
    fs.cpSync(folder, copy, { recursive: true });
    fs.writeFileSync(path.join(project, 'package.json'), '{"dependencies":{"faye-websocket":"*"}}');
    fs.copyFileSync(addonPath(), library);
    fs.mkdirSync(stubs);
    const artifact = JSON.stringify({ reason: 'compiler-artifact', target: { name: 'faye_websocket_rs' }, filenames: [library] });
    fs.writeFileSync(path.join(stubs, 'cargo'), `#!/bin/sh\n[ "$1" = build ] && echo '${artifact}' || echo 'cargo 1.99.0'\n`, { mode: 0o755 });
    fs.writeFileSync(path.join(stubs, 'rustc'), "#!/bin/sh\necho 'rustc 1.99.0'\n", { mode: 0o755 });
    for (const name of ['cc', 'perl', 'make']) fs.writeFileSync(path.join(stubs, name), '#!/bin/sh\n', { mode: 0o755 });
    const env = { ...process.env, PATH: stubs + path.delimiter + process.env.PATH };
    const { status, stderr } = node(project, [path.join(folder, 'bin', 'faye-websocket-rs.js'), 'build'], env);
    assert.strictEqual(status, 0, stderr);
    assert.match(stderr, /It needs Rust[^]*built .*node_modules/);
    assert.strictEqual(node(project, ['-e', 'require("faye-websocket")']).status, 0);
    fs.rmSync(project, { recursive: true });
  });

  it('explains its command', SLOW, () => {
    const { status, stderr } = node(folder, ['bin/faye-websocket-rs.js']);
    assert.strictEqual(status, 2);
    assert.match(stderr, /build +compiles[^]*doctor +says/);
  });
});

describe('the doctor', () => {
  let project;
  before(() => { project = fs.mkdtempSync(path.join(os.tmpdir(), 'project-')); });
  after(() => fs.rmSync(project, { recursive: true, force: true }));

  function install(folder, manifest) {
    const place = path.join(project, folder);
    fs.mkdirSync(place, { recursive: true });
    fs.writeFileSync(path.join(place, 'package.json'), JSON.stringify(manifest));
    return place;
  }

  function doctor() {
    const { status, stdout, stderr } = node(project, [path.join(root, 'bin', 'faye-websocket-rs.js'), 'doctor']);
    return { status, text: stdout + stderr };
  }

  it('lists the copies that a project loads, the packages that load them, and what to do', SLOW, () => {
    install('.', { name: 'mine', dependencies: { 'faye-websocket': '^0.11.4', sockjs: '*', other: '*' } });
    assert.match(doctor().text, /not installed\n {2}wanted by this project/);
    install('node_modules/faye-websocket', { name: 'faye-websocket', version: '0.11.4' });
    install('node_modules/sockjs', { name: 'sockjs', version: '0.3.24', dependencies: { 'faye-websocket': '^0.11.3' } });
    install('node_modules/other', { name: 'other', version: '1.0.0' });
    const original = doctor();
    assert.strictEqual(original.status, 1);
    assert.match(original.text, /the original, faye-websocket 0\.11\.4\n {2}used by this project, sockjs\n/);
    assert.match(original.text, /What to do:\n- .*"overrides": \{ "faye-websocket": "\$faye-websocket" \}/);

    fs.rmSync(path.join(project, 'node_modules', 'faye-websocket'), { recursive: true });
    fs.symlinkSync(root, path.join(project, 'node_modules', 'faye-websocket'), 'junction');
    const ours = doctor();
    assert.match(ours.text, /ours, faye-websocket-rs [\d.]+, native \(built here\)\n {2}used by this project, sockjs\n\nAll is well\./);
    assert.strictEqual(ours.status, 0);

    install('node_modules/sockjs/node_modules/faye-websocket', { name: 'faye-websocket', version: '0.11.4' });
    const both = doctor();
    assert.strictEqual(both.status, 1);
    assert.match(both.text, /native[^\n]*\n {2}used by this project\n[^]*the original[^\n]*\n {2}used by sockjs\n[^]*- sockjs: load/);
  });
});

describe('the release binary', () => {
  const file = addonPath();
  const sections = spawnSync('objdump', ['-h', file], { encoding: 'utf8' });
  const skip = process.platform !== 'linux' && 'looks at Linux binaries' || sections.status !== 0 && 'there is no objdump'
    || sections.stdout.includes('.debug_info') && 'this one is a debug build';

  it('exports its entry alone, and needs neither libssl nor libcrypto', { skip }, () => {
    // Built here, for the glibc that is here.
    assert.deepStrictEqual(faults(file).filter((fault) => !fault.startsWith('asks for GLIBC')), []);
  });

  it('is distinguished from a binary that may not be published', { skip }, () => {
    assert.match(faults(process.execPath).join('\n'), /^exports /m);
  });
});

describe('loading', () => {
  it('works with import, named imports included', SLOW, () => {
    const program = 'import WebSocket, { Client, EventSource, isWebSocket, validateOptions } from "./index.js";'
      + 'console.log(WebSocket.Client === Client, WebSocket.EventSource === EventSource, typeof isWebSocket, typeof validateOptions, typeof WebSocket)';
    const { stdout, stderr } = node(root, ['--input-type=module', '-e', program]);
    assert.strictEqual(stdout.trim(), 'true true function function function', stderr);
  });

  it('has the paths of the original that are required in the wild', () => {
    const WebSocket = require('../index.js');
    assert.strictEqual(require('../lib/faye/websocket'), WebSocket);
    assert.strictEqual(require('../lib/faye/websocket/client'), WebSocket.Client);
    assert.strictEqual(require('../lib/faye/websocket/api').OPEN, 1);
    assert.strictEqual(require('../lib/faye/eventsource'), WebSocket.EventSource);
    assert.strictEqual(typeof require('../lib/faye/websocket/api/event').prototype.initEvent, 'function');
    assert.strictEqual(typeof require('../lib/faye/websocket/api/event_target').addEventListener, 'function');
  });

  it('starts no thread', { skip: process.platform !== 'linux' && 'threads are counted in /proc' }, () => {
    const { stdout, stderr } = node(root, ['-e', countingThreads('require(".")')]);
    const [before, afterwards] = stdout.trim().split(' ').map(Number);
    assert.ok(before > 0, stderr);
    assert.strictEqual(afterwards, before);
  });

  it('lets the process end', SLOW, () => {
    assert.strictEqual(node(root, ['-e', 'require(".")']).status, 0);
  });
});
