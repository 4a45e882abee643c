'use strict';

// The package as it is published and installed: what is in it, how it loads, what it says when it cannot.

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawnSync } = require('node:child_process');

const { SLOW, after, before, describe, it } = require('./support/spec');
const { countingThreads } = require('./support/node');

const root = path.join(__dirname, '..');

function npm(args) {
  const cli = process.env.npm_execpath;
  return cli
    ? execFileSync(process.execPath, [cli, ...args], { cwd: root, encoding: 'utf8' })
    : execFileSync('npm', args, { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' });
}

function node(cwd, args, env = process.env) {
  return spawnSync(process.execPath, args, { cwd, env, encoding: 'utf8' });
}

describe('the published package', () => {
  let files;
  let folder;
  before(() => {
    files = JSON.parse(npm(['pack', '--dry-run', '--json', '--ignore-scripts']))[0].files.map((file) => file.path);
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'package-'));
    for (const file of files) {
      fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      fs.copyFileSync(path.join(root, file), path.join(folder, file));
    }
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  it('holds what it needs to run and to be built, and nothing else', () => {
    for (const file of ['index.js', 'index.d.ts', 'lib/native.js', 'lib/faye/websocket.js', 'lib/faye/websocket/api.js',
      'scripts/install.js', 'Cargo.toml', 'Cargo.lock', 'build.rs', '.cargo/config.toml', 'src/lib.rs', 'README.md', 'LICENSE']) {
      assert.ok(files.includes(file), `${file} is missing`);
    }
    const strangers = files.filter((file) => /^(__test__|target|examples|bench|node_modules|\.ci|\.github)\/|\.node$/.test(file));
    assert.deepStrictEqual(strangers, []);
  });

  it('has a manifest that cargo accepts', SLOW, () => {
    const { status, stderr } = spawnSync('cargo', ['metadata', '--locked', '--no-deps', '--format-version', '1'], { cwd: folder, encoding: 'utf8' });
    assert.strictEqual(status, 0, stderr);
  });

  it('explains in one error what is missing when there is no binary', SLOW, () => {
    const { status, stderr } = node(folder, ['-e', 'try { require(".") } catch (error) { console.error(error.message); process.exit(3) }']);
    assert.strictEqual(status, 3);
    assert.match(stderr, new RegExp(`no binary for ${process.platform}-${process.arch}`));
    assert.match(stderr, /rustup/);
    assert.match(stderr, /build/);
  });

  it('installs without Rust, saying what to do', SLOW, () => {
    const { status, stderr } = node(folder, ['scripts/install.js'], { ...process.env, PATH: folder, Path: folder });
    assert.strictEqual(status, 0);
    assert.match(stderr, /https:\/\/rustup\.rs/);
    assert.match(stderr, new RegExp(`Platform: ${process.platform}-${process.arch}`));
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
