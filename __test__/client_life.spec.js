'use strict';

// How clients and the life of a process, or a worker, hang together; and what they leave behind.

const assert = require('node:assert');
const fs = require('node:fs');
const { execFile } = require('node:child_process');
const { AsyncLocalStorage } = require('node:async_hooks');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');

const { dir, WebSocket } = require('./support/package_under_test');
const { SLOW, it, describe } = require('./support/spec');
const { next, until } = require('./support/record');
const { ca, echoServer, rawServer, httpProxy } = require('./support/network');

const PATHS = {
  native: '{}',
  node: "{ lookup: require('node:dns').lookup }",
};

const PRELUDE = (url, path, rest = '') => `
  const { Client } = require(${JSON.stringify(dir)});
  const ca = ${JSON.stringify(ca.toString())};
  const dial = (url = ${JSON.stringify(url)}) => new Client(url, [], { tls: { ca }, net: ${PATHS[path]} ${rest} });`;

/** Runs a script of its own; the signal is null unless it was killed, for example by the limit. */
function run(script, limit = 10000) {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['-e', script], { timeout: limit, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr });
    });
  });
}

const inWorker = (script) => `
  const worker = new (require('node:worker_threads').Worker)(${JSON.stringify(script)}, { eval: true });
  worker.on('exit', (code) => console.log('worker', code));`;

const url = (scheme, port) => `${scheme}://127.0.0.1:${port}/`;

for (const path of Object.keys(PATHS)) {
  describe(`process life, ${path}`, () => {
    for (const [place, wrap, tail] of [['process', (script) => script, ''], ['worker', inWorker, 'worker 0\n']]) {
      for (const scheme of ['ws', 'wss']) {
        it(`an open client keeps its ${place} alive, until it is closed: ${scheme}`, async (t) => {
          const { server, port } = await echoServer(t, { secure: scheme === 'wss' });
          const child = run(wrap(`${PRELUDE(url(scheme, port), path)}
            const ws = dial();
            ws.on('message', (event) => { console.log(event.data); ws.close(); });
            ws.on('close', (event) => console.log(event.code));`));
          server.on('upgrade', (request, socket) => {
            // From the outside, long after the child had nothing else to do.
            setTimeout(() => socket.write(Buffer.from('8105776f726c64', 'hex')), 700);
          });
          assert.deepStrictEqual(await child, { code: 0, signal: null, stdout: `world\n1000\n${tail}`, stderr: '' });
        });

        it(`a ${place} ends after clients that failed: ${scheme}`, SLOW, async (t) => {
          const silent = await rawServer(t);
          const { port } = await echoServer(t, { secure: scheme === 'wss', credentials: ['a', 'b'] });
          const started = Date.now();
          const { code, signal, stdout, stderr } = await run(wrap(`${PRELUDE(url(scheme, port), path)}
            const clients = [dial(), dial('${scheme}://127.0.0.1:1/'), dial('${scheme}://no.such.host.invalid/')];
            const silent = dial('${url(scheme, silent.port)}');
            setTimeout(() => silent.close(), 300);
            // Whoever removes all listeners must not wait for our timers either.
            dial('${scheme}://127.0.0.1:1/').removeAllListeners();
            for (const ws of [...clients, silent]) ws.on('close', (event) => console.log(event.code));`));
          assert.deepStrictEqual([code, signal, stderr], [0, null, '']);
          assert.deepStrictEqual(stdout.replace(tail, '').trim().split('\n').sort(), ['1000', '1002', '1006', '1006']);
          assert.ok(Date.now() - started < 20000, 'the process waited for something');
        });

        it(`process.exit in a ${place} at any moment: ${scheme}`, { timeout: 60000 }, async (t) => {
          const { port } = await echoServer(t, { secure: scheme === 'wss' });
          const codes = await Promise.all([
            'dial(); process.exit(7);',
            'dial(); process.nextTick(() => process.exit(7));',
            'dial(); setImmediate(() => process.exit(7));',
            'dial().on("open", () => process.exit(7));',
            'const ws = dial(); ws.on("message", () => process.exit(7)); ws.send("x");',
            'const ws = dial(); ws.on("open", () => { for (let i = 0; i < 99; i++) ws.send("x".repeat(99999)); process.exit(7); });',
            'const ws = dial(); ws.on("open", () => ws.close()); ws.on("close", () => process.exit(7));',
            'const ws = dial("ws://127.0.0.1:1/"); ws.on("error", () => process.exit(7));',
            'for (let i = 0; i < 20; i++) dial(); setTimeout(() => process.exit(7), 15);',
          ].map(async (body) => {
            const { code, signal, stdout } = await run(wrap(PRELUDE(url(scheme, port), path) + body), 50000);
            return [code, signal, stdout];
          }));
          const expected = place === 'worker' ? [0, null, 'worker 7\n'] : [7, null, ''];
          assert.deepStrictEqual(codes, codes.map(() => expected));
        });

        it(`an uncaught exception in a listener ends a ${place}: ${scheme}`, async (t) => {
          const { port } = await echoServer(t, { secure: scheme === 'wss' });
          for (const type of ['open', 'message', 'close']) {
            const { code, signal, stderr, stdout } = await run(wrap(`${PRELUDE(url(scheme, port), path)}
              const ws = dial();
              ws.on('open', () => ws.send('x'));
              ws.on('message', () => ws.close());
              ws.on('${type}', () => { throw new Error('of a listener'); });`));
            // A worker's error is its parent's uncaught 'error' event; Node may deliver 'exit' beside it.
            assert.deepStrictEqual([code, signal, stdout.replace('worker 1\n', '')], [1, null, '']);
            assert.match(stderr, /of a listener/);
          }
        });
      }
    }

    it('12 workers terminated while their clients are busy', { timeout: 60000 }, async (t) => {
      for (const scheme of ['ws', 'wss']) {
        const { server, port } = await echoServer(t, { secure: scheme === 'wss' });
        const script = `${PRELUDE(url(scheme, port), path)}
          const { parentPort } = require('node:worker_threads');
          for (let i = 0; i < 4; i++) {
            const ws = dial();
            ws.on('open', () => { for (let n = 0; n < 8; n++) ws.send('x'.repeat(5000)); });
            ws.on('message', (event) => ws.send(event.data));
            ws.once('message', () => parentPort.postMessage('busy'));
          }`;
        const workers = Array.from({ length: 12 }, () => new Worker(script, { eval: true }));
        await Promise.all(workers.map((worker) => once(worker, 'message')));
        const codes = await Promise.all(workers.map((worker) => worker.terminate()));
        assert.deepStrictEqual(codes, codes.map(() => 1));
        await until(() => server.sockets.size === 0);
      }
    });

    for (const scheme of ['ws', 'wss']) {
      it(`every listener sees the async store of the creator: ${scheme}`, async (t) => {
        const { port } = await echoServer(t, { secure: scheme === 'wss' });
        const proxy = await httpProxy(t);
        const store = new AsyncLocalStorage();
        const net = path === 'node' ? { lookup: require('node:dns').lookup } : undefined;
        for (const options of [{}, { proxy: { origin: proxy.origin() } }]) {
          const seen = [];
          const ws = store.run('creator', () => {
            const made = new WebSocket.Client(url(scheme, port), [], { tls: { ca }, net, ...options });
            for (const type of ['open', 'message', 'data', 'end', 'close']) {
              made.on(type, () => seen.push([type, store.getStore()]));
            }
            made.onmessage = () => seen.push(['onmessage', store.getStore()]);
            return made;
          });
          t.after(() => ws._stream.destroy());
          await next(ws, 'open');
          store.run('sender', () => ws.send('x'));
          await next(ws, 'message');
          ws._stream.write(Buffer.from('888200000000 03e8'.replace(' ', ''), 'hex'));
          await next(ws, 'close');
          assert.deepStrictEqual(seen, ['open', 'data', 'onmessage', 'message', 'end', 'close'].map((type) => [type, 'creator']));
        }
        for (const [target, settings] of [[url(scheme, 1), {}], [url(scheme, (await rawServer(t)).port), { handshakeTimeout: 0.1 }]]) {
          const seen = [];
          const ws = store.run('creator', () => {
            const made = new WebSocket.Client(target, [], { net, ...settings });
            for (const type of ['error', 'close']) made.on(type, () => seen.push([type, store.getStore()]));
            return made;
          });
          await next(ws, 'close');
          assert.deepStrictEqual(seen, [['error', 'creator'], ['close', 'creator']]);
        }
      });
    }

    for (const scheme of ['ws', 'wss']) {
      it(`200 clients leave no descriptor and no thread behind: ${scheme}`, {
        skip: process.platform !== 'linux' && 'counts in /proc', timeout: 60000,
      }, async (t) => {
        const { server, port } = await echoServer(t, { secure: scheme === 'wss' });
        const net = path === 'node' ? { lookup: require('node:dns').lookup } : undefined;
        const round = async (count) => {
          for (let i = 0; i < count; i += 20) {
            await Promise.all(Array.from({ length: 20 }, async () => {
              const ws = new WebSocket.Client(url(scheme, port), [], { tls: { ca }, net });
              await next(ws, 'open');
              ws.close();
              await next(ws, 'close');
            }));
          }
          await until(() => server.sockets.size === 0);
        };
        const count = () => ['fd', 'task'].map((what) => fs.readdirSync(`/proc/self/${what}`).length);
        await round(40);
        const before = count();
        await round(200);
        await until(() => count().every((now, i) => now <= before[i]));
      });
    }
  });
}
