'use strict';

// The core as WebAssembly, where no native binary loads: how it comes to be used, and what it says. What it does is
// what `npm test` has the contract specs and others look at once more, with FAYE_WEBSOCKET_WASM=1.

const assert = require('node:assert');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const { SLOW, describe, it } = require('./support/spec');
const { wasmState } = require('../scripts/wasm');

const root = path.join(__dirname, '..');

/**
 * What only a loop that can be watched has, what keeps a long message in JavaScript's memory while it arrives, and what
 * threads share.
 */
const NATIVE_ONLY = [/^served/, /^(Dialler|DialState|SocketEvents|TlsConnector)$/, /^(landed|cancelLanding|messageCapacity)$/,
  /^(TopicInbox|publishTopic)$/];

/** Prints who runs, and what came back of a long message through deflate; then does the same in a worker. */
const PROGRAM = `
  const http = require('http');
  const { Worker, isMainThread } = require('worker_threads');
  const WebSocket = require('./index.js');
  const message = 'h\\u00e9llo '.repeat(20000);
  const server = http.createServer().on('upgrade', (request, socket, head) => {
    const ws = new WebSocket(request, socket, head, [], { deflate: true });
    ws.on('message', ({ data }) => ws.send(data));
  }).listen(0, '127.0.0.1', () => {
    const client = new WebSocket.Client('ws://127.0.0.1:' + server.address().port + '/', [], { deflate: true });
    client.on('open', () => client.send(message));
    client.on('message', ({ data }) => {
      console.log(isMainThread, WebSocket.native, client.dialled, data === message);
      client.close();
    });
    client.on('close', () => {
      server.close();
      if (isMainThread) new Worker(process.env.PROGRAM, { eval: true });
    });
  });`;

function run(program, flags = [], choice = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', 'eval(process.env.PROGRAM)'], {
    cwd: root, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '', FAYE_WEBSOCKET_WASM: choice, PROGRAM: program },
  });
  assert.strictEqual(status, 0, stderr);
  return { stdout, stderr };
}

describe('WebAssembly', { skip: wasmState() !== 'ready' && `it is ${wasmState()}: npm run build:wasm` }, () => {
  it('serves and dials where no addon loads, in workers too, and one warning says so', SLOW, () => {
    const { stdout, stderr } = run(PROGRAM, ['--no-addons']);
    assert.strictEqual(stdout, 'true false node true\nfalse false node true\n');
    assert.strictEqual(stderr.match(/\[FAYE_WEBSOCKET_WASM\] Warning: faye-websocket-rs cannot load its native binary .*WebAssembly/g).length, 1, stderr);
    assert.match(stderr, /Start it without that flag/);
  });

  it('is not used where the addon loads', SLOW, () => {
    const { stdout, stderr } = run('console.log(require("./index.js").native, Object.keys(require.cache).some((name) => name.endsWith(".wasm") || name.includes("wasm_binding")))');
    assert.deepStrictEqual([stdout, stderr], ['true false\n', '']);
  });

  it('is used without a warning where an environment variable asks for it, and not where one forbids it', SLOW, () => {
    const { stdout, stderr } = run('console.log(require("./index.js").native)', [], '1');
    assert.deepStrictEqual([stdout, stderr], ['false\n', '']);
    const refused = run('try { require("./index.js") } catch ({ code }) { console.log(code) }', ['--no-addons'], '0');
    assert.deepStrictEqual([refused.stdout, refused.stderr], ['ERR_FAYE_WEBSOCKET_NO_BINARY\n', '']);
  });

  it('has the exports of the addon that need no sockets', () => {
    const names = (binding) => Object.keys(binding).filter((name) => !NATIVE_ONLY.some((pattern) => pattern.test(name)));
    const portable = require('../lib/wasm_binding');
    assert.deepStrictEqual(names(require('../lib/native_binding')).filter((name) => !(name in portable)), []);
  });
});
