'use strict';

// What ends a client's attempt to connect from this side: the options signal and handshakeTimeout.

const assert = require('node:assert');
const dns = require('node:dns');
const { AsyncLocalStorage } = require('node:async_hooks');

const { WebSocket } = require('./support/package_under_test');
const { it, describe } = require('./support/spec');
const { blockBeforeTimers } = require('./support/blocked_loop');
const { converse } = require('./support/converse');
const { record, next, until } = require('./support/record');
const { ca, echoServer, rawServer, httpProxy } = require('./support/network');
const { response } = require('./support/handshakes');

describe('signal', () => {
  const ABORTED = [['error', 'The operation was aborted'], ['end'], ['close', 1006, '']];
  for (const [name, options] of [['native', {}], ['node', { net: { lookup: dns.lookup } }]]) {
    for (const scheme of ['ws', 'wss']) {
      for (const via of ['no', 'a']) {
        it(`gives a connection attempt up: ${name}, ${scheme} through ${via} proxy`, async (t) => {
          const { server, port } = await rawServer(t);
          const proxy = via === 'a' ? await httpProxy(t) : undefined;
          const controller = new AbortController();
          const ws = new WebSocket.Client(`${scheme}://127.0.0.1:${port}/`, [], {
            ...options, signal: controller.signal, proxy: proxy && { origin: proxy.origin() },
          });
          const log = record(ws);
          await until(() => server.sockets.size === 1);
          controller.abort();
          await until(() => log.length >= 3);
          assert.deepStrictEqual(log, ABORTED);
          await until(() => server.sockets.size === 0);
        });
      }
    }

    it(`aborted beforehand: nobody is dialled, ${name}`, async (t) => {
      let connections = 0;
      const { port } = await rawServer(t, () => connections++);
      const ws = new WebSocket.Client(`ws://localhost:${port}/`, [], { ...options, signal: AbortSignal.abort() });
      assert.strictEqual(ws.readyState, 0);
      const log = record(ws);
      await next(ws, 'close');
      assert.deepStrictEqual(log, ABORTED);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.strictEqual(connections, 0);
      assert.strictEqual(log.length, 3);
    });
  }

  it('has no effect on an open connection, and keeps no reference to it', async (t) => {
    const { port } = await echoServer(t);
    const controller = new AbortController();
    const { signal } = controller;
    let listeners = 0;
    for (const [method, step] of [['addEventListener', 1], ['removeEventListener', -1]]) {
      const original = signal[method];
      signal[method] = function (...args) {
        listeners += step;
        return original.apply(this, args);
      };
    }
    const { ws, log } = await converse(t, `ws://127.0.0.1:${port}/`, { signal });
    assert.strictEqual(listeners, 0);
    controller.abort();
    ws.send('still');
    await until(() => log.length === 3);
    assert.deepStrictEqual(log[2], ['message', 'still']);

    const failed = await converse(t, 'ws://127.0.0.1:1/', { signal: new AbortController().signal });
    assert.strictEqual(failed.log[0][0], 'error');
  });

  it('listeners see the creator, not whoever aborts', async (t) => {
    const { port } = await rawServer(t);
    const store = new AsyncLocalStorage();
    const controller = new AbortController();
    const seen = [];
    store.run('creator', () => {
      const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/`, [], { signal: controller.signal });
      for (const type of ['error', 'close']) ws.on(type, () => seen.push(store.getStore()));
    });
    store.run('aborter', () => controller.abort());
    await until(() => seen.length === 2);
    assert.deepStrictEqual(seen, ['creator', 'creator']);
  });

  it('AbortSignal.timeout is one, anything else is not', async (t) => {
    const { port } = await rawServer(t);
    const { log } = await converse(t, `ws://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(50) });
    assert.deepStrictEqual(log, ABORTED);
    for (const signal of [true, {}, new AbortController()]) {
      assert.throws(() => new WebSocket.Client('ws://127.0.0.1:1/', [], { signal }), { name: 'TypeError', message: 'signal must be an AbortSignal' });
    }
  });
});

describe('handshakeTimeout', () => {
  it('is the sum for a slow proxy, slow TLS and a slow handshake', async (t) => {
    const pause = () => new Promise((resolve) => setTimeout(resolve, 120));
    const { server, port } = await rawServer(t, (socket) => {
      socket.once('data', async (head) => {
        await pause();
        socket.write(response(head.toString('latin1')));
      });
    }, { secure: true });
    const proxy = await httpProxy(t);
    const [connect] = proxy.server.listeners('connect');
    proxy.server.removeAllListeners('connect').on('connect', async (...args) => {
      await pause();
      connect(...args);
    });
    for (const net of [undefined, { lookup: dns.lookup }]) {
      const options = { net, tls: { ca }, proxy: { origin: proxy.origin() } };
      const short = await converse(t, `wss://127.0.0.1:${port}/`, { ...options, handshakeTimeout: 0.2 });
      assert.deepStrictEqual(short.log, [['error', 'Opening handshake timed out'], ['end'], ['close', 1006, '']]);
      await until(() => server.sockets.size === 0);
      const ws = new WebSocket.Client(`wss://127.0.0.1:${port}/`, [], { ...options, handshakeTimeout: 10 });
      t.after(() => ws._stream.destroy());
      await next(ws, 'open');
      ws._stream.destroy();
    }
  });

  for (const [name, settings] of [['native', {}], ['through Node', { net: { lookup: dns.lookup } }]]) {
    it(`an answer that has come while the loop was blocked is read, also after its end: ${name}`, async (t) => {
      const { port } = await rawServer(t, (socket) => {
        socket.once('data', (head) => {
          socket.write(response(head.toString('latin1')));
          blockBeforeTimers(2200);
        });
      });
      const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/`, [], { ...settings, handshakeTimeout: 2 });
      t.after(() => ws._stream.destroy());
      const log = record(ws);
      await until(() => log.length > 0);
      assert.deepStrictEqual(log, [['open']]);
    });
  }

  for (const value of [-1, NaN, '5', true]) {
    it(`${value} is refused`, () => {
      assert.throws(() => new WebSocket.Client('ws://127.0.0.1:1/', [], { handshakeTimeout: value }), TypeError);
    });
  }
});
