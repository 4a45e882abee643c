'use strict';

// Which path serves which option of a client (the table in docs/dialling.md), that each has its effect there,
// and that nothing a user passes is changed.

const assert = require('node:assert');
const { execFile } = require('node:child_process');
const dns = require('node:dns');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const tls = require('node:tls');
const { promisify } = require('node:util');

const { WebSocket } = require('./support/package_under_test');
const { it, describe } = require('./support/spec');
const { converse } = require('./support/converse');
const { record, until } = require('./support/record');
const { hasLoop } = require('./support/paths');
const { fixture, pair, ca, echoServer, rawServer, httpProxy, listening } = require('./support/network');

const unixOnly = { skip: process.platform === 'win32' && 'no Unix sockets' };
const fail = () => assert.fail('never to be called');

/** Everything in it, frozen: to change it throws, as our code is strict. */
function frozen(value) {
  if (value && Object.getPrototypeOf(value) === Object.prototype || Array.isArray(value)) {
    for (const inner of Object.values(value)) frozen(inner);
    Object.freeze(value);
  }
  return value;
}

/** A folder for one test's socket; the path of a socket has little room. */
function unixPath(t, name = 'w.sock') {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'fws-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return path.join(folder, name);
}

describe('options of tls', () => {
  const called = [];
  const seen = (name) => (...args) => (called.push(name), args);
  const OPTIONS = {
    native: {
      ca: { ca },
      'several ca': { ca: [fixture('self-signed.crt'), ca.toString()] },
      'cert and key': { ca, cert: fixture('client.crt'), key: fixture('client.key') },
      'passphrase': { ca, cert: fixture('client.crt'), key: fixture('client.encrypted.key'), passphrase: 'secret' },
      pfx: { ca, pfx: fixture('client.pfx'), passphrase: 'secret' },
      rejectUnauthorized: { rejectUnauthorized: false },
      servername: { ca, servername: 'localhost' },
      'minVersion and maxVersion': { ca, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
      'host and port, which the URL decides': { ca, host: 'no.such.host.invalid', port: 1 },
      'one that is undefined': { ca, checkServerIdentity: undefined },
    },
    node: {
      ALPNProtocols: { ca, ALPNProtocols: ['http/1.1'] },
      checkServerIdentity: { ca, checkServerIdentity: (name) => void seen(`identity of ${name}`)() },
      ciphers: { ca, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' },
      ecdhCurve: { ca, ecdhCurve: 'P-256' },
      secureContext: { secureContext: tls.createSecureContext({ ca }) },
      secureOptions: { ca, secureOptions: require('node:constants').SSL_OP_NO_TLSv1_3 },
      secureProtocol: { ca, secureProtocol: 'TLSv1_2_method' },
      sigalgs: { ca, sigalgs: 'ecdsa_secp256r1_sha256' },
      minDHSize: { ca, minDHSize: 2048 },
      lookup: { ca, lookup: dns.lookup },
      'several certificates': { ca, cert: [fixture('client.crt')], key: [fixture('client.key'), fixture('client.key')] },
    },
  };
  for (const [by, options] of Object.entries(OPTIONS)) {
    for (const [name, settings] of Object.entries(options)) {
      it(`${name}: ${by}`, async (t) => {
        const { server, port } = await echoServer(t, { secure: { ...pair('server'), ca, requestCert: true, rejectUnauthorized: false } });
        let facts;
        server.on('secureConnection', (socket) => {
          facts = {
            client: socket.getPeerCertificate().subject?.CN, servername: socket.servername,
            version: socket.getProtocol(), alpn: socket.alpnProtocol, cipher: socket.getCipher().name,
          };
        });
        const { log, native } = await converse(t, `wss://127.0.0.1:${port}/`, frozen({ tls: settings }));
        assert.deepStrictEqual(log, [['open'], ['message', 'there and back']]);
        assert.strictEqual(native, by === 'native' && hasLoop);
        if (settings.cert || settings.pfx) assert.strictEqual(facts.client, 'client');
        if (settings.servername) assert.strictEqual(facts.servername, settings.servername);
        if (settings.ALPNProtocols) assert.strictEqual(facts.alpn, 'http/1.1');
        if (settings.ciphers) assert.strictEqual(facts.cipher, settings.ciphers);
        if (settings.maxVersion || settings.secureOptions || settings.secureProtocol) assert.strictEqual(facts.version, 'TLSv1.2');
        if (settings.checkServerIdentity) assert.deepStrictEqual(called.splice(0), ['identity of 127.0.0.1']);
      });
    }
  }

  it('checkServerIdentity: a refusal is the error', async (t) => {
    const { port } = await echoServer(t, { secure: true });
    const url = `wss://localhost:${port}/`;
    const { log } = await converse(t, url, { tls: { ca, checkServerIdentity: () => new Error('not today') } });
    assert.deepStrictEqual(log, [['error', `Network error: ${url}: not today`], ['end'], ['close', 1006, '']]);
  });

  it('session: resumed', async (t) => {
    const { port } = await echoServer(t, { secure: { ...pair('server'), maxVersion: 'TLSv1.2' } });
    const url = `wss://127.0.0.1:${port}/`;
    const first = await converse(t, url, { tls: { ca, ALPNProtocols: ['http/1.1'] } });
    const second = await converse(t, url, { tls: { ca, session: first.ws._stream.getSession() } });
    assert.strictEqual(second.native, false);
    assert.deepStrictEqual([first.ws._stream.isSessionReused(), second.ws._stream.isSessionReused()], [false, true]);
  });

  it('pskCallback: a key instead of certificates', async (t) => {
    const psk = Buffer.from('d731ef57be09e5204f0b205b60627028', 'hex');
    const ciphers = 'PSK+HIGH:@SECLEVEL=0';
    const server = await listening(t, https.createServer({ maxVersion: 'TLSv1.2', ciphers, pskCallback: () => psk }));
    server.on('upgrade', (request, socket) => new WebSocket(request, socket, Buffer.alloc(0)));
    const ws = new WebSocket.Client(`wss://127.0.0.1:${server.address().port}/`, [], {
      tls: { maxVersion: 'TLSv1.2', ciphers, checkServerIdentity: () => undefined, pskCallback: () => ({ psk, identity: 'jo' }) },
    });
    t.after(() => ws.close());
    const log = record(ws);
    await until(() => log.length > 0);
    assert.deepStrictEqual(log, [['open']]);
  });

  it('socket: TLS over a connection of the application', async (t) => {
    const { port } = await echoServer(t, { secure: true });
    const socket = net.connect(port, '127.0.0.1');
    const { log, native } = await converse(t, 'wss://localhost/', { tls: { ca, socket } });
    assert.deepStrictEqual([log[0], native], [['open'], false]);
  });

  it('ca beside tls: used where tls has none', async (t) => {
    const { port } = await echoServer(t, { secure: true });
    const url = `wss://127.0.0.1:${port}/`;
    const outcomes = [];
    for (const options of [{ ca }, { ca, tls: {} }, { ca: fixture('self-signed.crt'), tls: { ca } }, { ca, tls: { ca: fixture('self-signed.crt') } }]) {
      outcomes.push((await converse(t, url, frozen(options))).log[0][0]);
    }
    assert.deepStrictEqual(outcomes, ['open', 'open', 'open', 'error']);
  });

  it('ca beside tls is not for the proxy, whose options are proxy.tls', async (t) => {
    const { port } = await echoServer(t, { secure: true });
    const proxy = await httpProxy(t, { secure: true });
    const url = `wss://127.0.0.1:${port}/`;
    const without = await converse(t, url, { ca, proxy: { origin: proxy.origin() } });
    assert.match(without.log[0][1], /certificate/);
    const withTLS = await converse(t, url, { ca, proxy: { origin: proxy.origin(), tls: { ca } } });
    assert.deepStrictEqual([withTLS.log[0], withTLS.native], [['open'], hasLoop]);
    const other = await converse(t, url, { ca, proxy: { origin: proxy.origin(), tls: { ca, ALPNProtocols: ['http/1.1'] } } });
    assert.deepStrictEqual([other.log[0], other.native], [['open'], false]);
  });

  it('a NUL in a name: a TypeError at the call, and nothing on stderr', async () => {
    const script = `
      const WebSocket = require(${JSON.stringify(require.resolve('../index.js'))});
      for (const [scheme, options] of [
        ['wss', { tls: { servername: 'a\\0b' } }],
        ['wss', { tls: { servername: 'a\\0b' }, kernelSocket: false }],
        ['ws', { proxy: { origin: 'https://127.0.0.1:1', tls: { servername: '\\0' } } }],
        ['ws', { net: { path: '/tmp/a\\0b' } }],
      ]) {
        try {
          new WebSocket.Client(scheme + '://127.0.0.1:1/', [], options);
        } catch (error) {
          console.log(error.name, error.message);
        }
      }`;
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['-e', script]);
    assert.deepStrictEqual(stdout.trim().split('\n'), [
      ...Array(3).fill('TypeError tls.servername must not contain a NUL'), 'TypeError net.path must not contain a NUL',
    ]);
    assert.strictEqual(stderr, '');
  });

  for (const [what, settings] of [
    ['a key that is none', { cert: fixture('client.crt'), key: 'none' }],
    ['a pfx that is none', { pfx: Buffer.from('none') }],
    ['a wrong passphrase', { cert: fixture('client.crt'), key: fixture('client.encrypted.key'), passphrase: 'wrong' }],
    ['a version that does not exist', { minVersion: 'TLSv9' }],
    ['ciphers that do not exist', { ciphers: 'none' }],
  ]) {
    it(`${what}: thrown at the call, and nothing is dialled`, async (t) => {
      let connections = 0;
      const { port } = await rawServer(t, () => connections++);
      for (const options of [
        { tls: settings },
        { tls: settings, net: { lookup: dns.lookup } },
        { tls: settings, proxy: { origin: `http://127.0.0.1:${port}` } },
        { tls: settings, net: { lookup: dns.lookup }, proxy: { origin: `http://127.0.0.1:${port}` } },
        { proxy: { origin: `https://127.0.0.1:${port}`, tls: settings } },
      ]) {
        assert.throws(() => new WebSocket.Client(`wss://127.0.0.1:${port}/`, [], options), Error);
      }
      assert.throws(() => new WebSocket.Client(`wss://127.0.0.1:${port}/`, [], { tls: settings, headers: { X: '\n' } }));
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.strictEqual(connections, 0);
    });
  }

  it('options that only fail in the tunnel are an error event, not an exception', async (t) => {
    const { port } = await echoServer(t, { secure: true });
    const proxy = await httpProxy(t);
    const { log } = await converse(t, `wss://127.0.0.1:${port}/`, {
      tls: { ca, checkServerIdentity: 'no function' }, proxy: { origin: proxy.origin() },
    });
    assert.match(log[0][1], /^Network error: wss:/);
    assert.deepStrictEqual(log.slice(1), [['end'], ['close', 1006, '']]);
  });
});

describe('options of net', () => {
  const lookups = [];
  const OPTIONS = {
    native: {
      keepAlive: { keepAlive: true, keepAliveInitialDelay: 10000 },
      noDelay: { noDelay: false },
      highWaterMark: { highWaterMark: 1024 },
      'host and port, which the URL decides': { host: 'no.such.host.invalid', port: 1 },
      'one that is undefined': { lookup: undefined },
    },
    node: {
      lookup: { lookup: (name, options, done) => (lookups.push(name), dns.lookup(name, options, done)) },
      localAddress: { localAddress: process.platform === 'linux' ? '127.0.0.3' : '127.0.0.1' },
      family: { family: 4 },
      hints: { hints: 0 },
      autoSelectFamily: { autoSelectFamily: false },
      'one of the future': { blockList: new net.BlockList() },
    },
  };
  for (const scheme of ['ws', 'wss']) {
    for (const via of ['no', 'a']) {
      for (const [by, options] of Object.entries(OPTIONS)) {
        for (const [name, settings] of Object.entries(options)) {
          it(`${name}: ${by}, ${scheme} through ${via} proxy`, async (t) => {
            const { server, port } = await echoServer(t, { secure: scheme === 'wss' });
            const proxy = via === 'a' ? await httpProxy(t) : undefined;
            const first = proxy ? proxy.server : server;
            let peer;
            first.on('connection', (socket) => { peer = socket.remoteAddress; });
            const options = { net: settings, tls: { ca } };
            if (proxy) options.proxy = { origin: proxy.origin().replace('127.0.0.1', 'localhost') };
            const { ws, log, native } = await converse(t, `${scheme}://localhost:${port}/`, frozen(options));
            assert.deepStrictEqual(log, [['open'], ['message', 'there and back']]);
            assert.strictEqual(native, by === 'native' && hasLoop);
            assert.strictEqual(peer, settings.localAddress || '127.0.0.1');
            if (settings.lookup) assert.deepStrictEqual(lookups.splice(0), ['localhost']);
            if (settings.highWaterMark && !proxy) assert.strictEqual(ws._stream.readableHighWaterMark, 1024);
          });
        }
      }

      it(`localPort: node, ${scheme} through ${via} proxy`, async (t) => {
        const { port } = await echoServer(t, { secure: scheme === 'wss' });
        const options = { net: { localPort: 0, localAddress: '127.0.0.1' }, tls: { ca } };
        if (via === 'a') options.proxy = { origin: (await httpProxy(t)).origin() };
        const { log, native } = await converse(t, `${scheme}://127.0.0.1:${port}/`, frozen(options));
        assert.deepStrictEqual([log[0], native], [['open'], false]);
      });

      it(`path: a Unix socket, ${scheme} through ${via} proxy`, unixOnly, async (t) => {
        const host = unixPath(t);
        const options = { net: { path: host }, tls: { ca } };
        if (via === 'a') options.proxy = { origin: 'http://proxy.example' };
        const { requests } = via === 'a'
          ? await unixProxy(t, host, await echoServer(t, { secure: scheme === 'wss' }))
          : await echoServer(t, { secure: scheme === 'wss', host });
        const { log, native } = await converse(t, `${scheme}://localhost/here`, frozen(options));
        assert.deepStrictEqual([log[0], native], [['open'], via === 'no' && hasLoop]);
        assert.deepStrictEqual([requests[0].url, requests[0].headers.host], ['/here', 'localhost']);
      });
    }

    it(`a lookup that fails: ${scheme}`, async (t) => {
      const lookup = (name, options, done) => done(new Error('no idea'));
      const url = `${scheme}://server.example/`;
      const { log } = await converse(t, url, { net: { lookup } });
      assert.deepStrictEqual(log, [['error', `Network error: ${url}: no idea`], ['end'], ['close', 1006, '']]);
    });

    it(`keepAlive reaches the socket, and noDelay: ${scheme}`, { skip: process.platform !== 'linux' && 'needs /proc' }, async (t) => {
      const { port } = await echoServer(t, { secure: scheme === 'wss' });
      for (const lookup of [undefined, dns.lookup]) {
        const { ws } = await converse(t, `${scheme}://127.0.0.1:${port}/`, {
          tls: { ca }, net: { lookup, keepAlive: true, keepAliveInitialDelay: 77000 },
        });
        let timer;
        // 02: the timer for keep-alive runs, as it does once all that was sent is acknowledged.
        await until(() => (timer = timerOf(ws._stream)) === null || timer.kind === '02');
        if (timer === null) return t.skip('no /proc/net/tcp here');
        assert.ok(timer.in > 60 && timer.in <= 77.5, `${timer.in} s`);
      }
    });
  }

  for (const name of ['allowHalfOpen', 'fd', 'handle', 'manualStart', 'onread', 'pauseOnCreate', 'readable', 'timeout', 'writable']) {
    it(`${name}: refused by name`, () => {
      const options = { net: { [name]: false } };
      assert.throws(() => new WebSocket.Client('ws://127.0.0.1:1/', [], options), { message: `Unsupported option: net.${name}` });
    });
  }

  it('null means no options', async (t) => {
    const { port } = await echoServer(t);
    const options = { net: null, tls: null, proxy: null, ca: null, headers: null, extensions: null, signal: null, handshakeTimeout: null };
    const { log, native } = await converse(t, `ws://127.0.0.1:${port}/`, frozen(options));
    assert.deepStrictEqual([log[0], native], [['open'], hasLoop]);
  });

  it('inherited options count', async (t) => {
    const { port } = await echoServer(t, { secure: true });
    const { log } = await converse(t, `wss://127.0.0.1:${port}/`, { tls: Object.create({ ca }), net: Object.create({ family: 4 }) });
    assert.deepStrictEqual(log[0], ['open']);
  });
});

describe('ws+unix:', unixOnly, () => {
  it('the path of a socket, then that of the request', async (t) => {
    const host = unixPath(t);
    const { requests } = await echoServer(t, { host });
    for (const [url, target] of [
      [`ws+unix:${host}:/chat?room=1#here`, '/chat?room=1'], [`ws+unix:${host}`, '/'], [`ws+unix://${host}:/a:b`, '/a:b'],
    ]) {
      const { ws, log, native } = await converse(t, url, {});
      assert.deepStrictEqual([log, native], [[['open'], ['message', 'there and back']], hasLoop]);
      assert.strictEqual(ws.url, url);
      assert.deepStrictEqual([requests.at(-1).url, requests.at(-1).headers.host], [target, 'localhost']);
    }
  });

  it('Node dials where an option requires it', async (t) => {
    const host = unixPath(t);
    await echoServer(t, { host });
    const { log, native } = await converse(t, `ws+unix:${host}:/`, { net: { lookup: fail } });
    assert.deepStrictEqual([log[0], native], [['open'], false]);
  });

  it('a path with spaces and letters of all kinds', async (t) => {
    const host = unixPath(t, 'ünix sock%');
    await echoServer(t, { host });
    const { log } = await converse(t, `ws+unix:${host.split('/').map(encodeURIComponent).join('/')}:/`, {});
    assert.deepStrictEqual(log[0], ['open']);
  });

  it('a path without a socket', async (t) => {
    const host = unixPath(t);
    for (const lookup of [undefined, dns.lookup]) {
      const { log } = await converse(t, `ws+unix:${host}:/`, { net: { lookup } });
      assert.deepStrictEqual(log, [
        ['error', `Network error: ws+unix:${host}:/: connect ENOENT ${host}`], ['end'], ['close', 1006, ''],
      ]);
    }
  });

  it('invalid ws+unix URLs', () => {
    for (const url of ['ws+unix:relative.sock', 'ws+unix://host/path', 'ws+unix:', 'wss+unix:/a']) {
      assert.throws(() => new WebSocket.Client(url), { message: `${url} is not a valid WebSocket URL` });
    }
    assert.throws(() => new WebSocket.Client('ws+unix:/a', [], { proxy: { origin: 'http://localhost' } }), TypeError);
  });
});

/** A proxy at a Unix socket that takes every CONNECT to the one server. */
async function unixProxy(t, host, { port, requests }) {
  const server = http.createServer();
  server.on('connect', (request, socket) => {
    const upstream = net.connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('error', () => {}).on('close', () => upstream.destroy());
  });
  await listening(t, server, host);
  return { requests };
}

/** The kernel's timer of a connection. */
function timerOf({ localPort, remotePort }) {
  const ends = [localPort, remotePort].map((port) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`);
  let table;
  try {
    table = fs.readFileSync('/proc/net/tcp', 'latin1');
  } catch {
    return null;
  }
  const fields = table.split('\n').map((line) => line.trim().split(/\s+/))
    .find(([, local, remote]) => remote && local.endsWith(ends[0]) && remote.endsWith(ends[1]));
  // The kernel may pass over a line while others come and go.
  const [kind, when] = fields ? fields[5].split(':') : ['', '0'];
  return { kind, in: parseInt(when, 16) / 100 };
}
