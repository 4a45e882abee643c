'use strict';

// wss: and proxies: what is verified, what is sent, what a refusal does.
//
// Held here against the original: B4 (time bombs after a throwing
// constructor), B6 (the user's objects are changed), B8 (a refusing proxy),
// B9 (bytes behind the proxy's answer), B39 (an error without a text), D4
// (net), D19 (handshakeTimeout).

const assert = require('node:assert');
const { once } = require('node:events');
const { execFile } = require('node:child_process');
const net = require('node:net');
const tls = require('node:tls');

const { it, differs } = require('../support/spec');
const { dir, WebSocket } = require('../support/package_under_test');
const { httpServer, rawServer } = require('../support/sides');
const { record, next, until } = require('../support/record');
const { certificate } = require('../support/certificate');
const { TEXT, frame } = require('../support/frames');
const { response } = require('../support/handshakes');

const PAIR = certificate();
const OTHER = certificate({ names: ['other.example'] });
const DAY = 24 * 3600 * 1000;

/** An echo server of ours, plain or TLS; resolves with its port and its requests. */
async function echo(t, options) {
  const requests = [];
  const { port } = await httpServer(
    t,
    (request, socket, head) => {
      requests.push(request);
      const ws = new WebSocket(request, socket, head, ['echo']);
      ws.pipe(ws);
    },
    { host: 'localhost', ...options }
  );
  return { port, requests };
}

/** A client that goes through an echo, and how it ended. */
async function converse(t, url, options) {
  const ws = new WebSocket.Client(url, ['echo'], options);
  t.after(() => ws.close());
  const log = record(ws);
  ws.send('through and back');
  await until(() => log.some(([type]) => type === 'message' || type === 'close'));
  return { ws, log };
}

/**
 * A proxy: `answer(head)` is what it says to a CONNECT; where that begins with
 * a 200 it goes on as a tunnel.
 */
async function proxy(t, { secure = false, answer = () => 'HTTP/1.1 200 OK\r\n\r\n' } = {}) {
  const heads = [];
  const { port, server } = await rawServer(t, { host: 'localhost', tls: secure ? PAIR : undefined });
  server.removeAllListeners(secure ? 'secureConnection' : 'connection');
  server.on(secure ? 'secureConnection' : 'connection', (socket) => {
    t.after(() => socket.destroy());
    let head = '';
    socket.on('error', () => {});
    socket.on('data', function collect(chunk) {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.removeListener('data', collect);
      heads.push(head);
      const said = answer(head);
      if (said === null) return;
      socket.write(said);
      if (!said.startsWith('HTTP/1.1 200')) return;
      const [, host, target] = /^CONNECT \[?([^\] ]*?)\]?:(\d+) /.exec(head);
      const upstream = net.connect(Number(target), host);
      t.after(() => upstream.destroy());
      upstream.on('error', () => socket.destroy());
      upstream.pipe(socket).pipe(upstream);
    });
  });
  return { port, heads, origin: `${secure ? 'https' : 'http'}://localhost:${port}` };
}

for (const secure of [false, true]) {
  for (const through of ['no', 'http', 'https']) {
    it(`${secure ? 'wss' : 'ws'} through ${through} proxy`, async (t) => {
      const { port, requests } = await echo(t, secure ? { tls: PAIR } : {});
      const options = { tls: { ca: PAIR.cert } };
      let middle;
      if (through !== 'no') {
        middle = await proxy(t, { secure: through === 'https' });
        options.proxy = { origin: middle.origin, tls: { ca: PAIR.cert }, headers: { 'X-Proxy': 'yes' } };
      }
      const url = `${secure ? 'wss' : 'ws'}://localhost:${port}/deep?er`;
      const { ws, log } = await converse(t, url, options);
      assert.deepStrictEqual(log, [['open'], ['message', 'through and back']]);
      assert.deepStrictEqual([ws.protocol, ws.statusCode, ws.url], ['echo', 101, url]);
      assert.strictEqual(requests[0].url, '/deep?er');
      assert.strictEqual(requests[0].headers['x-proxy'], undefined);
      if (middle) {
        assert.deepStrictEqual(middle.heads, [
          `CONNECT localhost:${port} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: keep-alive\r\n` +
            'Proxy-Connection: keep-alive\r\nX-Proxy: yes\r\n\r\n'
        ]);
      }
    });
  }
}

it('sends credentials to the proxy, and others to the server', async (t) => {
  const { port, requests } = await echo(t);
  const middle = await proxy(t);
  const origin = middle.origin.replace('http://', 'http://pu:pp@');
  const { log } = await converse(t, `ws://ou:op@localhost:${port}/`, { proxy: { origin } });
  assert.strictEqual(log[0][0], 'open');
  assert.ok(middle.heads[0].includes(`Proxy-Authorization: Basic ${Buffer.from('pu:pp').toString('base64')}\r\n`));
  assert.strictEqual(requests[0].headers.authorization, `Basic ${Buffer.from('ou:op').toString('base64')}`);
});

for (const proxyOption of [null, undefined, {}, { origin: undefined }, { origin: '' }]) {
  it(`no proxy: ${JSON.stringify(proxyOption) || proxyOption}`, async (t) => {
    const { port } = await echo(t);
    const { log } = await converse(t, `ws://localhost:${port}/`, { proxy: proxyOption });
    assert.strictEqual(log[0][0], 'open');
  });
}

for (const [status, text] of [
  [403, 'Forbidden'],
  [407, 'Proxy Authentication Required'],
  [201, 'Created'],
  [502, 'Bad Gateway']
]) {
  differs('B8', `a proxy that answers ${status} and stays: error, and close`, async (t) => {
    const middle = await proxy(t, { answer: () => `HTTP/1.1 ${status} ${text}\r\nContent-Length: 0\r\n\r\n` });
    const { ws, log } = await converse(t, 'ws://localhost:1/', { proxy: { origin: middle.origin } });
    assert.deepStrictEqual(log, [
      ['error', "Can't establish a connection to the server at ws://localhost:1/"],
      ['end'],
      ['close', 1006, '']
    ]);
    assert.strictEqual(ws.readyState, 3);
    assert.deepStrictEqual([ws.statusCode, ws.headers], [undefined, undefined]);
  });
}

it('a proxy that hangs up without an answer: close, no error', async (t) => {
  const { port, accept } = await rawServer(t);
  const ws = new WebSocket.Client('ws://localhost:1/', [], { proxy: { origin: `http://127.0.0.1:${port}` } });
  const log = record(ws);
  const peer = await accept();
  await peer.head();
  peer.end();
  await next(ws, 'close');
  assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
});

it('close() before the proxy\'s response: at once', async (t) => {
  const middle = await proxy(t, { answer: () => null });
  const ws = new WebSocket.Client('ws://localhost:1/', [], { proxy: { origin: middle.origin } });
  const log = record(ws);
  await until(() => middle.heads.length === 1);
  ws.close();
  assert.deepStrictEqual(log, [['end'], ['close', 1000, '']]);
});

it('a proxy that refuses connections is a network error', async () => {
  const ws = new WebSocket.Client('ws://localhost:2/', [], { proxy: { origin: 'http://127.0.0.1:1' } });
  const log = record(ws);
  await next(ws, 'close');
  assert.deepStrictEqual(log, [
    ['error', 'Network error: ws://localhost:2/: connect ECONNREFUSED 127.0.0.1:1'],
    ['end'],
    ['close', 1006, '']
  ]);
});

it('the answer of the proxy and of the server may come byte by byte', async (t) => {
  const { port, accept } = await rawServer(t);
  const ws = new WebSocket.Client('ws://localhost:9/', [], { proxy: { origin: `http://127.0.0.1:${port}` } });
  t.after(() => ws.close());
  const log = record(ws);
  const peer = await accept();
  await peer.head();
  await peer.drip('HTTP/1.1 200 OK\r\nX: y\r\n\r\n');
  const head = await peer.head();
  await peer.drip(Buffer.concat([Buffer.from(response(head)), frame(TEXT, 'x')]));
  await until(() => log.length === 2);
  assert.deepStrictEqual(log, [['open'], ['message', 'x']]);
});

it('an IPv6 server is bracketed in CONNECT', async (t) => {
  const middle = await proxy(t, { answer: () => null });
  const ws = new WebSocket.Client('wss://[::1]:444/', [], { proxy: { origin: middle.origin } });
  t.after(() => ws.close());
  await until(() => middle.heads.length === 1);
  assert.match(middle.heads[0], /^CONNECT \[::1\]:444 HTTP\/1\.1\r\nHost: \[::1\]:444\r\n/);
});

differs('B9', 'bytes that come with the answer of the proxy reach the client', async (t) => {
  // A server that speaks first: its bytes may come together with the 200.
  const { port, accept } = await rawServer(t);
  const ws = new WebSocket.Client('ws://localhost:9/', [], { proxy: { origin: `http://127.0.0.1:${port}` } });
  t.after(() => ws.close());
  const log = record(ws);
  const peer = await accept();
  await peer.head();
  peer.write('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n');
  await until(() => log.length === 3);
  assert.match(log[0][1], /Unexpected response code: 404$/);
});

it('certificates are verified: self-signed, expired, another name', async (t) => {
  const expired = certificate({ from: new Date(Date.now() - 3 * DAY), to: new Date(Date.now() - DAY) });
  for (const [pair, ca, cause] of [
    [PAIR, undefined, /self[- ]signed certificate/i],
    [expired, expired.cert, /expired/i],
    [OTHER, OTHER.cert, /altnames|hostname|does not match|mismatch/i]
  ]) {
    const { port } = await echo(t, { tls: pair });
    const { log } = await converse(t, `wss://localhost:${port}/`, { tls: ca ? { ca } : {} });
    assert.strictEqual(log.length, 3, JSON.stringify(log));
    assert.ok(log[0][1].startsWith(`Network error: wss://localhost:${port}/: `), log[0][1]);
    assert.match(log[0][1], cause);
    assert.deepStrictEqual(log.slice(1), [['end'], ['close', 1006, '']]);
  }
});

it('options of TLS: ca as its own option, rejectUnauthorized, servername, an address', async (t) => {
  const names = [];
  const { port } = await echo(t, {
    host: '127.0.0.1',
    tls: {
      ...PAIR,
      SNICallback(name, done) {
        names.push(name);
        done(null, tls.createSecureContext(PAIR));
      }
    }
  });
  const at = (host) => `wss://${host}:${port}/`;
  for (const [url, options] of [
    [at('127.0.0.1'), { ca: PAIR.cert }],
    [at('127.0.0.1'), { tls: { ca: PAIR.cert } }],
    [at('127.0.0.1'), { tls: { rejectUnauthorized: false } }],
    [at('127.0.0.1'), { tls: { ca: PAIR.cert, servername: 'localhost' } }]
  ]) {
    const { log } = await converse(t, url, options);
    assert.deepStrictEqual(log[0], ['open'], JSON.stringify([url, options, log]));
  }
  assert.ok(names.includes('localhost'));
});

it('wss to a plain server is a network error, ws to a TLS server is no more than 1006', async (t) => {
  const plain = await rawServer(t);
  plain.accept().then((peer) => peer.socket.once('data', () => peer.write('HTTP/1.1 400 Bad Request\r\n\r\n').end()));
  const secure = await converse(t, `wss://127.0.0.1:${plain.port}/`, {});
  assert.match(secure.log[0][1], /^Network error: wss:\/\//);
  assert.deepStrictEqual(secure.log.slice(-2), [['end'], ['close', 1006, '']]);

  const { port } = await echo(t, { tls: PAIR });
  const { log } = await converse(t, `ws://localhost:${port}/`, {});
  assert.deepStrictEqual(log.slice(-2)[0], ['end']);
  assert.ok(!log.some(([type]) => type === 'open'));
});

differs('B6', 'the objects given as options are not changed, and serve for two hosts', async (t) => {
  const one = await echo(t, { tls: PAIR });
  const two = await echo(t, { host: '127.0.0.1', tls: PAIR });
  const options = { tls: { ca: PAIR.cert }, proxy: { origin: '', tls: {}, headers: {} }, headers: { 'X-A': 'b' } };
  const before = JSON.stringify(options);
  const first = await converse(t, `wss://localhost:${one.port}/`, options);
  const second = await converse(t, `wss://127.0.0.1:${two.port}/`, options);
  assert.deepStrictEqual([first.log[0], second.log[0]], [['open'], ['open']]);
  assert.strictEqual(JSON.stringify(options), before);
});

differs('D4', 'net: options of the connection, which are not changed', async (t) => {
  const { port, requests } = await echo(t, { host: '127.0.0.1' });
  const options = { net: { localAddress: '127.0.0.1', family: 4 } };
  const { log } = await converse(t, `ws://127.0.0.1:${port}/`, options);
  assert.deepStrictEqual(log[0], ['open']);
  assert.strictEqual(requests.length, 1);
  assert.deepStrictEqual(options, { net: { localAddress: '127.0.0.1', family: 4 } });
});

differs('B39', 'a host that refuses on every address is an error with a text', async (t) => {
  // A port that nobody listens on, on either address of localhost.
  const { port, server } = await rawServer(t);
  server.close();
  await once(server, 'close');
  const { log } = await converse(t, `ws://localhost:${port}/`, {});
  assert.match(log[0][1], /^Network error: ws:\/\/localhost:\d+\/: .*ECONNREFUSED/);
  // Where localhost has one address only, there is nothing to tell apart.
  const addresses = await require('node:dns').promises.lookup('localhost', { all: true });
  if (addresses.length < 2) t.diagnostic('localhost has one address here');
});

differs('D19', 'a server that never answers: an error in time, 1006', async (t) => {
  const { port } = await rawServer(t);
  const { log } = await converse(t, `ws://127.0.0.1:${port}/`, { handshakeTimeout: 0.05 });
  assert.deepStrictEqual(log, [['error', 'Opening handshake timed out'], ['end'], ['close', 1006, '']]);
});

differs('D19', 'a proxy that never answers, likewise', async (t) => {
  const middle = await proxy(t, { answer: () => null });
  const options = { handshakeTimeout: 0.05, proxy: { origin: middle.origin } };
  const { log } = await converse(t, 'ws://localhost:1/', options);
  assert.deepStrictEqual(log, [['error', 'Opening handshake timed out'], ['end'], ['close', 1006, '']]);
});

differs('D19', 'a connection that opened in time is left alone', async (t) => {
  const { port } = await echo(t);
  const { ws, log } = await converse(t, `ws://localhost:${port}/`, { handshakeTimeout: 0.2 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  ws.send('still');
  await until(() => log.length === 3);
  assert.deepStrictEqual(log[2], ['message', 'still']);
});

differs('B4', 'a constructor that throws leaves nothing behind that could', async () => {
  const script = `
    const WebSocket = require(${JSON.stringify(dir)});
    for (const options of [{ nonsense: 1 }, { headers: { X: null } }, { extensions: [{}] }]) {
      try { new WebSocket.Client('ws://127.0.0.1:1/', [], options); } catch (error) { console.log(error.message); }
    }`;
  const { error, stdout } = await new Promise((resolve) => {
    execFile(process.execPath, ['--no-deprecation', '-e', script], { timeout: 50000 }, (failed, out) =>
      resolve({ error: failed, stdout: out })
    );
  });
  assert.strictEqual(error, null);
  assert.deepStrictEqual(stdout.trim().split('\n'), [
    'Unrecognized option: nonsense',
    "Cannot read properties of null (reading 'toString')",
    'extension.name must be a string'
  ]);
});

it('the stream of a client has the server\'s address', async (t) => {
  for (const secure of [false, true]) {
    const { port } = await echo(t, { host: '127.0.0.1', ...(secure ? { tls: PAIR } : {}) });
    const { ws } = await converse(t, `${secure ? 'wss' : 'ws'}://127.0.0.1:${port}/`, { tls: { ca: PAIR.cert } });
    const stream = ws._stream;
    assert.deepStrictEqual([stream.remoteAddress, stream.remotePort], ['127.0.0.1', port]);
    assert.strictEqual(stream.localAddress, '127.0.0.1');
    assert.ok(stream.localPort > 0);
    for (const name of ['setNoDelay', 'setKeepAlive', 'setTimeout', 'ref', 'unref', 'pause', 'resume', 'destroy', 'end']) {
      assert.strictEqual(typeof stream[name], 'function', name);
    }
    assert.deepStrictEqual([stream.readable, stream.writable, stream.destroyed], [true, true, false]);
    const closed = next(ws, 'close');
    stream.destroy();
    assert.strictEqual((await closed).code, 1006);
    assert.strictEqual(stream.destroyed, true);
  }
});
