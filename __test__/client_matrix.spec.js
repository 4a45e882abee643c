'use strict';

// Every way from a client to a server, and every way to fail, on both of our paths: dialled natively, and
// through Node's net and tls, where clients go whose options only those honour.

const assert = require('node:assert');
const dns = require('node:dns');
const net = require('node:net');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');

const { WebSocket } = require('./support/package_under_test');
const { it, describe } = require('./support/spec');
const { record, next, until } = require('./support/record');
const { hasLoop } = require('./support/paths');
const { pair, ca, inUrl, has, echoServer, rawServer, httpProxy, drip } = require('./support/network');
const { response } = require('./support/handshakes');
const { TEXT, frame } = require('./support/frames');
const { SYSTEM_CA_HINT, checksIPv6 } = require('./support/node');
const { sameBytes } = require('./support/bytes');

const PATHS = {
  native: {},
  // Harmless, and nothing that a native connection could honour.
  node: { net: { lookup: dns.lookup } },
};

const HOSTS = ['127.0.0.1', '::1'];
const USER = ['jo', 's3cret'];
const PROXY_USER = ['proxy-jo', 'pr0xy'];

function client(t, url, path, options = {}) {
  const ws = new WebSocket.Client(url, [], {
    tls: { ca }, ...options, ...PATHS[path], ...(options.proxy && { proxy: { tls: { ca }, ...options.proxy } }),
  });
  t.after(() => ws._stream.destroy());
  assert.strictEqual(ws._stream instanceof net.Socket, path === 'node' || !hasLoop);
  return ws;
}

/** Everything that a client which is to fail tells, up to its 'close'. */
async function ending(t, url, path, options) {
  const ws = client(t, url, path, options);
  const log = record(ws);
  await next(ws, 'close');
  assert.strictEqual(ws.readyState, 3);
  await new Promise(setImmediate);
  return log;
}

const failure = (text, code = 1006, reason = '') => [['error', text], ['end'], ['close', code, reason]];
const TIMED_OUT = failure('Opening handshake timed out');

/** No connection is left on the server. */
const left = (server) => until(() => server.sockets.size === 0);

describe('ways to a server', () => {
  for (const path of Object.keys(PATHS)) {
    for (const host of HOSTS) {
      for (const scheme of ['ws', 'wss']) {
        for (const via of ['no', 'HTTP', 'HTTPS']) {
          for (const user of [null, USER]) {
            const name = `${scheme} through ${via} proxy, ${user ? 'credentials' : 'no credentials'}, ${host}, ${path}`;
            it(name, async (t) => {
              if (!await has(host)) return t.skip(`no ${host} here`);
              const { requests, port } = await echoServer(t, { secure: scheme === 'wss', host, credentials: user });
              const options = {};
              let proxy;
              if (via !== 'no') {
                const credentials = user && PROXY_USER;
                proxy = await httpProxy(t, { secure: via === 'HTTPS', host, credentials });
                options.proxy = { origin: proxy.origin(credentials), headers: { 'X-Via': via } };
              }
              const authority = `${inUrl(host)}:${port}`;
              const ws = client(t, `${scheme}://${user ? 'jo:s3cret@' : ''}${authority}/a?b=c`, path, options);
              const log = record(ws);
              const binary = Buffer.alloc(100000, 7);
              ws.send('ünï');
              ws.send(binary);
              await until(() => log.length === 3 || log.some(([type]) => type === 'close'));
              if (host === '::1' && !checksIPv6 && (scheme === 'wss' || via === 'HTTPS')) {
                assert.match(log[0][1], /Hostname\/IP does not match certificate's altnames: Host: ::1\. is not in/);
                await until(() => log.length === 3);
                assert.deepStrictEqual(log.slice(1), [['end'], ['close', 1006, '']]);
                return;
              }
              const [, , echoed] = log;
              assert.deepStrictEqual(log.slice(0, 2), [['open'], ['message', 'ünï']]);
              assert.strictEqual(echoed[0], 'message');
              sameBytes(echoed[1], binary);
              assert.strictEqual(ws.statusCode, 101);
              ws.close(3001, 'enough');
              await until(() => log.length === 5);
              assert.deepStrictEqual(log.slice(3), [['end'], ['close', 3001, 'enough']]);

              const [{ url, headers }] = requests;
              assert.deepStrictEqual([url, headers.host, headers['x-via']], ['/a?b=c', authority, undefined]);
              assert.strictEqual(headers.authorization, user ? 'Basic am86czNjcmV0' : undefined);
              assert.strictEqual(headers['proxy-authorization'], undefined);
              if (!proxy) return;
              assert.strictEqual(proxy.requests.length, 1);
              assert.deepStrictEqual([proxy.requests[0].url, proxy.requests[0].headers['x-via']], [authority, via]);
              assert.strictEqual(Boolean(proxy.requests[0].headers['proxy-authorization']), Boolean(user));
              assert.strictEqual(proxy.requests[0].headers.authorization, undefined);
            });
          }
        }
      }
    }
  }
});

for (const path of Object.keys(PATHS)) {
  describe(`failures, ${path}`, () => {
    for (const scheme of ['ws', 'wss']) {
      it(`${scheme}: refused`, async (t) => {
        const { server, port } = await rawServer(t);
        server.close();
        await once(server, 'close');
        const url = `${scheme}://127.0.0.1:${port}/`;
        assert.deepStrictEqual(
          await ending(t, url, path), failure(`Network error: ${url}: connect ECONNREFUSED 127.0.0.1:${port}`));
      });

      it(`${scheme}: a proxy that refuses connections`, async (t) => {
        const { server, port } = await rawServer(t);
        server.close();
        await once(server, 'close');
        const url = `${scheme}://server.example/`;
        const log = await ending(t, url, path, { proxy: { origin: `http://127.0.0.1:${port}` } });
        assert.deepStrictEqual(log, failure(`Network error: ${url}: connect ECONNREFUSED 127.0.0.1:${port}`));
      });

      it(`${scheme}: a name that does not exist`, async (t) => {
        const log = await ending(t, `${scheme}://no.such.host.invalid/`, path);
        assert.match(log[0][1], /^Network error: wss?:\/\/no\.such\.host\.invalid\/: getaddrinfo \w+ no\.such\.host\.invalid$/);
        assert.deepStrictEqual(log.slice(1), [['end'], ['close', 1006, '']]);
      });

      it(`${scheme}: an address that answers no SYN`, async (t) => {
        const port = await blackHole(t);
        assert.deepStrictEqual(
          await ending(t, `${scheme}://127.0.0.1:${port}/`, path, { handshakeTimeout: 0.2 }), TIMED_OUT);
      });

      it(`${scheme}: a server that accepts and is silent`, async (t) => {
        const { server, port } = await rawServer(t);
        assert.deepStrictEqual(
          await ending(t, `${scheme}://127.0.0.1:${port}/`, path, { handshakeTimeout: 0.2 }), TIMED_OUT);
        await left(server);
      });

      it(`${scheme}: a server that is silent, behind a proxy`, async (t) => {
        const { server, port } = await rawServer(t);
        const proxy = await httpProxy(t, { secure: true });
        const log = await ending(t, `${scheme}://127.0.0.1:${port}/`, path, {
          handshakeTimeout: 0.4, proxy: { origin: proxy.origin() },
        });
        assert.deepStrictEqual(log, TIMED_OUT);
        await left(proxy.server);
        await left(server);
      });

      it(`${scheme}: a server that hangs up when it has read something`, async (t) => {
        const { server, port } = await rawServer(t, (socket) => socket.once('data', () => socket.end()));
        const url = `${scheme}://127.0.0.1:${port}/`;
        const log = await ending(t, url, path);
        if (scheme === 'ws') assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
        else {
          assert.deepStrictEqual(log, failure(
            `Network error: ${url}: Client network socket disconnected before secure TLS connection was established`));
        }
        await left(server);
      });

      it(`${scheme}: a server that resets`, async (t) => {
        const { port } = await rawServer(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
        const log = await ending(t, `${scheme}://127.0.0.1:${port}/`, path);
        assert.match(log[0][1], /ECONNRESET/);
        assert.deepStrictEqual(log.slice(1), [['end'], ['close', 1006, '']]);
      });

      for (const [what, secure] of [['an HTTP', false], ['an HTTPS', true]]) {
        it(`${scheme}: ${what} proxy that wants credentials`, async (t) => {
          const proxy = await httpProxy(t, { secure, credentials: PROXY_USER });
          for (const user of [null, ['proxy-jo', 'wrong']]) {
            const url = `${scheme}://server.example/`;
            const log = await ending(t, url, path, { proxy: { origin: proxy.origin(user) } });
            assert.deepStrictEqual(log, failure(`Can't establish a connection to the server at ${url}`));
          }
          assert.strictEqual(proxy.requests.length, 2);
          await left(proxy.server);
        });

        it(`${scheme}: ${what} proxy that hangs up without an answer`, async (t) => {
          const { server, port } = await rawServer(t, (socket) => socket.once('data', () => socket.end()), { secure });
          const log = await ending(t, `${scheme}://server.example/`, path, {
            proxy: { origin: `http${secure ? 's' : ''}://127.0.0.1:${port}` },
          });
          assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
          await left(server);
        });

        it(`${scheme}: ${what} proxy that never answers`, async (t) => {
          const { server, port } = await rawServer(t, () => {}, { secure });
          const log = await ending(t, `${scheme}://server.example/`, path, {
            handshakeTimeout: 0.4, proxy: { origin: `http${secure ? 's' : ''}://127.0.0.1:${port}` },
          });
          assert.deepStrictEqual(log, TIMED_OUT);
          await left(server);
        });

        it(`${scheme}: ${what} proxy that speaks something else`, async (t) => {
          const { port } = await rawServer(t, (socket) => socket.once('data', () => socket.write('220 smtp.example\r\n')), { secure });
          const url = `${scheme}://server.example/`;
          const log = await ending(t, url, path, { proxy: { origin: `http${secure ? 's' : ''}://127.0.0.1:${port}` } });
          assert.deepStrictEqual(log, failure(`Can't establish a connection to the server at ${url}`));
        });
      }

      it(`${scheme}: garbage instead of a handshake`, async (t) => {
        const { port } = await rawServer(t, (socket) => socket.once('data', () => socket.write('220 smtp.example\r\n')), {
          secure: scheme === 'wss',
        });
        const text = 'Error during WebSocket handshake: Parse Error';
        assert.deepStrictEqual(await ending(t, `${scheme}://127.0.0.1:${port}/`, path), failure(text, 1002, text));
      });

      it(`${scheme}: another answer than 101`, async (t) => {
        const { port } = await echoServer(t, { secure: scheme === 'wss', credentials: USER });
        const text = 'Error during WebSocket handshake: Unexpected response code: 401';
        assert.deepStrictEqual(await ending(t, `${scheme}://127.0.0.1:${port}/`, path), failure(text, 1002, text));
      });

      it(`${scheme}: a server that stops sending once it is open`, async (t) => {
        const { server, port } = await rawServer(t, (socket) => {
          socket.once('data', (head) => socket.end(Buffer.concat([
            Buffer.from(response(head.toString('latin1'))), frame(TEXT, 'last words'),
          ])));
        }, { secure: scheme === 'wss' });
        const log = await ending(t, `${scheme}://127.0.0.1:${port}/`, path);
        assert.deepStrictEqual(log, [['open'], ['message', 'last words'], ['end'], ['close', 1006, '']]);
        await left(server);
      });

      it(`${scheme}: everything byte by byte`, async (t) => {
        const { port } = await echoServer(t, { secure: scheme === 'wss' });
        const ws = client(t, `${scheme}://127.0.0.1:${await drip(t, port)}/`, path);
        const log = record(ws);
        ws.send('slowly');
        await until(() => log.length === 2);
        ws.close();
        await next(ws, 'close');
        assert.deepStrictEqual(log, [['open'], ['message', 'slowly'], ['end'], ['close', 1000, '']]);
      });
    }

    it('wss: TLS asked of a server that does not speak it', async (t) => {
      const { port } = await rawServer(t, (socket) => socket.once('data', () => socket.write('220 smtp.example\r\n')));
      const log = await ending(t, `wss://127.0.0.1:${port}/`, path);
      assert.match(log[0][1], /^Network error: wss:.*wrong version number/);
      assert.deepStrictEqual(log.slice(1), [['end'], ['close', 1006, '']]);
    });

    it('an HTTPS proxy that does not speak TLS, and one that never does', async (t) => {
      const plain = await httpProxy(t);
      const log = await ending(t, 'ws://server.example/', path, { proxy: { origin: plain.origin().replace('http', 'https') } });
      assert.match(log[0][1], /^Network error: ws:/);
      const silent = await rawServer(t);
      assert.deepStrictEqual(await ending(t, 'ws://server.example/', path, {
        handshakeTimeout: 0.2, proxy: { origin: `https://127.0.0.1:${silent.port}` },
      }), TIMED_OUT);
      await left(silent.server);
    });

    for (const [name, trusted, cause] of [
      ['expired', { ca }, 'certificate has expired'],
      ['self-signed', { ca }, `self-signed certificate${SYSTEM_CA_HINT}`],
      // Node's OpenSSL goes on after the first verdict, and reports the last.
      ['server', {}, `unable to verify the first certificate${SYSTEM_CA_HINT}`],
      ['wrong-name', { ca }, /^Hostname\/IP does not match certificate's altnames: /],
    ]) {
      const what = name === 'server' ? 'of an unknown authority' : name;
      const check = (log, url) => {
        const [type, text] = log[0];
        assert.strictEqual(type, 'error');
        const prefix = `Network error: ${url}: `;
        assert.ok(text.startsWith(prefix), text);
        if (cause instanceof RegExp) assert.match(text.slice(prefix.length), cause);
        else assert.strictEqual(text.slice(prefix.length), cause);
        assert.deepStrictEqual(log.slice(1), [['end'], ['close', 1006, '']]);
      };

      it(`a certificate that is ${what}`, async (t) => {
        const { requests, port } = await echoServer(t, { secure: pair(name) });
        const url = `wss://127.0.0.1:${port}/`;
        check(await ending(t, url, path, { tls: trusted }), url);
        assert.strictEqual(requests.length, 0);
      });

      it(`a certificate that is ${what}, behind a proxy`, async (t) => {
        const { requests, port } = await echoServer(t, { secure: pair(name) });
        const proxy = await httpProxy(t, { secure: true });
        const url = `wss://127.0.0.1:${port}/`;
        check(await ending(t, url, path, { tls: trusted, proxy: { origin: proxy.origin() } }), url);
        assert.strictEqual(requests.length, 0);
        await left(proxy.server);
      });

      it(`a proxy whose certificate is ${what}`, async (t) => {
        const proxy = await httpProxy(t, { secure: pair(name) });
        const url = 'wss://server.example/';
        check(await ending(t, url, path, { proxy: { origin: proxy.origin(), tls: trusted } }), url);
        assert.strictEqual(proxy.requests.length, 0);
      });
    }

    it('the certificate of an address behind a proxy is compared with that address', async (t) => {
      // Good for the proxy's name, which must not make it good for the server.
      const { port } = await echoServer(t, { secure: pair('wrong-name') });
      const proxy = await httpProxy(t);
      const log = await ending(t, `wss://127.0.0.1:${port}/`, path, {
        proxy: { origin: proxy.origin().replace('127.0.0.1', 'localhost') },
      });
      assert.match(log[0][1], /IP: 127\.0\.0\.1 is not in the cert's list/);
    });
  });
}

/** A port that accepts no more connections: its thread sleeps, and the kernel's queue is full. */
async function blackHole(t) {
  const worker = new Worker(`
    const { parentPort } = require('node:worker_threads');
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
    });`, { eval: true });
  t.after(() => worker.terminate());
  const [port] = await once(worker, 'message');
  const others = Array.from({ length: 8 }, () => net.connect(port, '127.0.0.1').on('error', () => {}));
  t.after(() => others.forEach((socket) => socket.destroy()));
  await once(others[0], 'connect');
  return port;
}
