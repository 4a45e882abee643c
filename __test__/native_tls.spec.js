'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { randomBytes, createHash, X509Certificate } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { describe, it } = require('node:test');
const tls = require('node:tls');
const { Worker } = require('node:worker_threads');

const NativeSocket = require('../lib/native_socket.js');
const { connectorFor, isHonoured } = require('../lib/native_tls.js');

const file = (name) => fs.readFileSync(path.join(__dirname, 'fixtures', 'tls', name));
const pair = (name) => ({ cert: file(`${name}.crt`), key: file(`${name}.key`) });
const ca = file('ca.crt');
const MIB = 1024 * 1024;

/** A server for one test; closed with everything on it when the test is over. */
async function listen(t, server, host = '127.0.0.1') {
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  server.listen(0, host);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: 'localhost', port: server.address().port };
}

function echo(socket) {
  socket.on('error', () => {});
  socket.pipe(socket);
}

const plainServer = (t, onConnection = echo) => listen(t, net.createServer({ allowHalfOpen: true }, onConnection));

const tlsServer = (t, options = pair('server'), onConnection = echo) =>
  listen(t, tls.createServer({ allowHalfOpen: true, ...options }, onConnection).on('tlsClientError', () => {}));

/** An HTTP proxy that notes what it was asked; `answer` can stand in for the tunnel. */
async function proxyServer(t, { secure = false, answer } = {}) {
  const seen = [];
  const onConnection = (socket) => {
    let head = '';
    const onData = (chunk) => {
      head += chunk.toString('latin1');
      if (!head.endsWith('\r\n\r\n')) return;
      socket.off('data', onData);
      seen.push(head);
      if (answer) return answer(socket);
      const [host, port] = head.split(' ')[1].split(/:(?=\d+$)/);
      const onward = net.connect({ port, host: host.replace(/[[\]]/g, ''), allowHalfOpen: true }, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        socket.pipe(onward).pipe(socket);
      });
      onward.on('error', () => socket.destroy());
      socket.on('close', () => onward.destroy());
    };
    socket.on('error', () => {}).on('data', onData);
  };
  const place = secure ? await tlsServer(t, pair('server'), onConnection) : await plainServer(t, onConnection);
  const proxy = { ...place, serverHost: 'server.example', url: 'wss://server.example/' };
  if (secure) proxy.tls = { ca };
  return { proxy, seen };
}

function dial(t, options) {
  const socket = new NativeSocket(options);
  t.after(() => socket.destroy());
  return socket;
}

/** Sends `length` random bytes through an echo and compares what comes back. */
async function roundTrip(socket, length) {
  const block = randomBytes(length);
  const sent = createHash('sha1').update(block).digest('hex');
  const back = createHash('sha1');
  socket.end(block);
  for await (const chunk of socket) back.update(chunk);
  assert.strictEqual(back.digest('hex'), sent);
}

async function failure(socket) {
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const [error] = await once(socket, 'error');
  await closed;
  return error;
}

describe('every way to a server', () => {
  for (const server of ['plain', 'TLS']) {
    for (const via of ['no', 'an HTTP', 'an HTTPS']) {
      it(`${server} through ${via} proxy`, async (t) => {
        const options = server === 'TLS' ? { ...(await tlsServer(t)), tls: { ca } } : await plainServer(t);
        const { proxy, seen } = via === 'no' ? {} : await proxyServer(t, { secure: via === 'an HTTPS' });
        const socket = dial(t, { ...options, proxy });
        await once(socket, 'connect');
        assert.strictEqual(socket.encrypted, server === 'TLS');
        assert.strictEqual(socket.remotePort, proxy ? proxy.port : options.port);
        await roundTrip(socket, 3 * MIB);
        if (seen) assert.match(seen[0], new RegExp(`^CONNECT localhost:${options.port} HTTP/1.1\r\n`));
      });
    }
  }

  it('by IPv6', async (t) => {
    const server = tls.createServer(pair('server'), echo);
    const place = await listen(t, server, '::1').catch(() => null);
    if (!place) return t.skip('no IPv6 here');
    const { proxy, seen } = await proxyServer(t);
    await roundTrip(dial(t, { host: '::1', port: place.port, tls: { ca } }), 1000);
    await roundTrip(dial(t, { host: '::1', port: place.port, tls: { ca }, proxy }), 1000);
    assert.match(seen[0], /^CONNECT \[::1\]:/);
  });

  it('through a network that delivers byte by byte', async (t) => {
    const { port } = await tlsServer(t);
    const trickle = await plainServer(t, (socket) => {
      const onward = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      const drip = (from, to) => from.on('error', () => {}).on('data', (chunk) => {
        for (const byte of chunk) to.write(Buffer.of(byte));
      }).on('end', () => to.end());
      drip(socket.setNoDelay(), onward.setNoDelay());
      drip(onward, socket);
    });
    await roundTrip(dial(t, { ...trickle, tls: { ca } }), 5000);
  });
});

describe('trust', () => {
  const der = new X509Certificate(ca).raw;
  for (const [what, value] of [
    ['a PEM buffer', ca],
    ['a PEM string', String(ca)],
    ['DER', der],
    ['a list', [file('self-signed.crt'), String(ca)]],
    ['several in one PEM', `${file('self-signed.crt')}\n${ca}`],
  ]) {
    it(`takes ca as ${what}`, async (t) => {
      const place = await tlsServer(t);
      await once(dial(t, { ...place, tls: { ca: value } }), 'connect');
    });
  }

  for (const name of ['expired', 'self-signed', 'wrong-name']) {
    it(`refuses a certificate that is ${name}, in Node's words`, async (t) => {
      let received = 0;
      const place = await tlsServer(t, pair(name), (socket) => {
        socket.on('error', () => {}).on('data', (chunk) => (received += chunk.length));
      });
      const options = { ...place, servername: 'localhost', ca };
      const [expected] = await once(tls.connect(options), 'error');
      const socket = dial(t, { ...place, tls: { ca } });
      socket.write('must not be sent');
      const error = await failure(socket);
      assert.strictEqual(error.message, expected.message);
      assert.strictEqual(error.code, expected.code);
      assert.strictEqual(received, 0);
    });
  }

  it('refuses an unknown authority', async (t) => {
    const place = await tlsServer(t);
    const error = await failure(dial(t, { ...place, tls: {} }));
    assert.match(error.message, /unable to (verify the first|get local issuer) certificate/);
  });

  it('accepts everything with rejectUnauthorized: false', async (t) => {
    for (const name of ['expired', 'self-signed', 'wrong-name']) {
      const place = await tlsServer(t, pair(name));
      await roundTrip(dial(t, { ...place, tls: { rejectUnauthorized: false } }), 100);
    }
  });

  it('checks the name it is given, and asks for it', async (t) => {
    const asked = [];
    const options = { ...pair('wrong-name'), SNICallback: (name, done) => done(null, void asked.push(name)) };
    const place = await tlsServer(t, options);
    await once(dial(t, { ...place, tls: { ca, servername: 'elsewhere.example' } }), 'connect');
    assert.deepStrictEqual(asked, ['elsewhere.example']);
  });

  it('checks the proxy as strictly as the server', async (t) => {
    const place = await tlsServer(t);
    const { proxy, seen } = await proxyServer(t, { secure: true });
    const unknown = await failure(dial(t, { ...place, tls: { ca }, proxy: { ...proxy, tls: {} } }));
    assert.match(unknown.message, /unable to/);
    const named = { ...proxy, tls: { ca, servername: 'other.example' } };
    const error = await failure(dial(t, { ...place, tls: { ca }, proxy: named }));
    assert.strictEqual(error.code, 'ERR_TLS_CERT_ALTNAME_INVALID');
    assert.deepStrictEqual(seen, []);
  });

  for (const [what, own] of [
    ['PEM', pair('client')],
    ['an encrypted key', { cert: file('client.crt'), key: file('client.encrypted.key'), passphrase: 'secret' }],
    ['a PKCS#12 file', { pfx: file('client.pfx'), passphrase: 'secret' }],
  ]) {
    it(`shows its own certificate: ${what}`, async (t) => {
      const options = { ...pair('server'), ca, requestCert: true, rejectUnauthorized: true };
      const place = await tlsServer(t, options, (socket) => {
        socket.end(socket.getPeerCertificate().subject.CN);
      });
      const socket = dial(t, { ...place, tls: { ca, ...own } });
      assert.strictEqual(String((await once(socket, 'data'))[0]), 'client');
    });
  }

  it('throws at the call for a key it cannot read', () => {
    const cert = file('client.crt');
    assert.throws(() => new NativeSocket({ port: 1, tls: { cert, key: 'no key' } }));
    assert.throws(() => new NativeSocket({ port: 1, tls: { pfx: file('client.pfx'), passphrase: 'wrong' } }));
    assert.throws(() => new NativeSocket({ port: 1, tls: { minVersion: 'TLSv7' } }), /TLSv7/);
  });

  it('trusts what NODE_EXTRA_CA_CERTS holds', async (t) => {
    const { port } = await tlsServer(t);
    const source = `
      const NativeSocket = require(${JSON.stringify(require.resolve('../lib/native_socket.js'))});
      new NativeSocket({ host: 'localhost', port: ${port}, tls: {} })
        .on('connect', function () { console.log('connected'); this.destroy(); });`;
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: path.join(__dirname, 'fixtures', 'tls', 'ca.crt') };
    const child = spawn(process.execPath, ['-e', source], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    assert.strictEqual(String((await once(child.stdout, 'data'))[0]), 'connected\n');
  });

  it('does not parse the same certificates twice', () => {
    assert.strictEqual(connectorFor({ ca }), connectorFor({ ca: Buffer.from(ca) }));
    assert.strictEqual(connectorFor({}), connectorFor({}));
    assert.notStrictEqual(connectorFor({ ca }), connectorFor({}));
    assert.notStrictEqual(connectorFor({ ca }), connectorFor({ ca, rejectUnauthorized: false }));
    const own = pair('client');
    assert.strictEqual(connectorFor({ ca, ...own }), connectorFor({ ca, ...own }));
    assert.notStrictEqual(connectorFor({ ca, ...own }), connectorFor({ ca }));
  });

  it('knows the options it cannot honour', () => {
    assert.strictEqual(isHonoured({ ca, servername: 'x', minVersion: 'TLSv1.2', checkServerIdentity: undefined }), true);
    assert.strictEqual(isHonoured(undefined), true);
    for (const name of ['checkServerIdentity', 'secureContext', 'ciphers', 'ALPNProtocols', 'session', 'lookup']) {
      assert.strictEqual(isHonoured({ [name]: 'x' }), false, name);
    }
    assert.strictEqual(isHonoured({ cert: [1, 2], key: [1, 2] }), false);
  });
});

describe('versions', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    it(`keeps to ${version}`, async (t) => {
      const place = await tlsServer(t, pair('server'), (socket) => socket.end(socket.getProtocol()));
      for (const limit of [{ maxVersion: version }, { minVersion: version, maxVersion: version }]) {
        const socket = dial(t, { ...place, tls: { ca, ...limit } });
        assert.strictEqual(String((await once(socket, 'data'))[0]), version);
      }
    });
  }

  it('refuses a server below the minimum', async (t) => {
    const place = await tlsServer(t, { ...pair('server'), maxVersion: 'TLSv1.2' });
    const error = await failure(dial(t, { ...place, tls: { ca, minVersion: 'TLSv1.3' } }));
    assert.strictEqual(error.code, 'EPROTO');
    assert.match(error.message, /alert protocol version/);
  });
});

describe('failures on the way', () => {
  it('a server that does not speak TLS', async (t) => {
    const place = await plainServer(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const error = await failure(dial(t, { ...place, tls: { ca } }));
    assert.strictEqual(error.code, 'EPROTO');
    assert.match(error.message, /wrong version number|packet length too long/);
  });

  it('a server that hangs up during the handshake', async (t) => {
    const place = await plainServer(t, (socket) => socket.once('data', () => socket.end()));
    const [expected] = await once(tls.connect({ ...place, ca }), 'error');
    const error = await failure(dial(t, { ...place, tls: { ca } }));
    assert.strictEqual(error.message, expected.message);
    assert.strictEqual(error.code, expected.code);
  });

  for (const [what, via] of [['server', false], ['proxy', true]]) {
    it(`a ${what} that never answers`, async (t) => {
      const place = await plainServer(t, (socket) => socket.resume());
      const proxy = via ? { ...place, serverHost: 'h', url: 'ws://h/' } : undefined;
      const error = await failure(dial(t, { ...place, tls: { ca }, proxy, timeout: 100 }));
      assert.strictEqual(error.code, 'ETIMEDOUT');
      assert.strictEqual(error.message, `connect ETIMEDOUT localhost:${place.port}`);
    });
  }

  it('a proxy that refuses', async (t) => {
    const { proxy, seen } = await proxyServer(t, {
      answer: (socket) => socket.end('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nX-A: 1\r\n\r\n'),
    });
    const asking = { ...proxy, authorization: 'Basic dTpw', headers: ['X-Own', 'mine'] };
    const error = await failure(dial(t, { host: '::1', port: 443, tls: { ca }, proxy: asking }));
    assert.strictEqual(error.message, "Can't establish a connection to the server at wss://server.example/");
    assert.strictEqual(error.statusCode, 407);
    assert.deepStrictEqual(error.headers, { 'proxy-authenticate': 'Basic', 'x-a': '1' });
    assert.strictEqual(
      seen[0],
      'CONNECT [::1]:443 HTTP/1.1\r\nHost: server.example\r\nConnection: keep-alive\r\n' +
        'Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic dTpw\r\nX-Own: mine\r\n\r\n',
    );
  });

  it('a proxy that speaks something else', async (t) => {
    const { proxy } = await proxyServer(t, { answer: (socket) => socket.end('SSH-2.0-OpenSSH_9\r\n') });
    const error = await failure(dial(t, { host: 'h', port: 1, proxy }));
    assert.match(error.message, /^Can't establish a connection/);
  });

  it('a proxy that hangs up: an end, not an error', async (t) => {
    const { proxy } = await proxyServer(t, { answer: (socket) => socket.end() });
    const socket = dial(t, { host: 'h', port: 1, proxy });
    socket.on('error', assert.fail);
    await once(socket, 'close');
  });

  it('a proxy that is not there', async (t) => {
    const proxy = { host: '127.0.0.1', port: 1, serverHost: 'h', url: 'ws://h/' };
    const error = await failure(dial(t, { host: 'h', port: 80, proxy }));
    assert.strictEqual(error.message, 'connect ECONNREFUSED 127.0.0.1:1');
  });

  it('bytes that follow the proxy’s answer at once are kept', async (t) => {
    const { proxy } = await proxyServer(t, {
      answer: (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nfirst words'),
    });
    const socket = dial(t, { host: 'h', port: 1, proxy });
    let text = '';
    for await (const chunk of socket) text += chunk;
    assert.strictEqual(text, 'first words');
  });

  it('destroy at any moment of it', async (t) => {
    const place = await tlsServer(t);
    const { proxy } = await proxyServer(t, { secure: true });
    for (let delay = 0; delay < 30; delay += 1) {
      const socket = dial(t, { ...place, tls: { ca }, proxy });
      socket.on('error', assert.fail);
      await new Promise((resolve) => setTimeout(resolve, delay));
      socket.destroy();
      await once(socket, 'close');
    }
  });
});

describe('life of a TLS connection', () => {
  const onLinux = { skip: process.platform !== 'linux' && 'reads /proc' };
  const count = (what) => fs.readdirSync(`/proc/self/${what}`).length;

  it('leaves no descriptor and no thread behind', onLinux, async (t) => {
    const server = tls.createServer(pair('server'), echo);
    const place = await listen(t, server);
    const open = () => new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
    const idle = async () => {
      while ((await open()) > 0) await new Promise(setImmediate);
    };
    const life = async (_, i) => {
      const socket = new NativeSocket({ ...place, host: '127.0.0.1', tls: { ca } });
      await once(socket, 'connect');
      socket.write('x');
      await once(socket, 'data');
      if (i % 2) socket.destroy();
      else socket.end();
      await once(socket, 'close');
    };
    const batch = () => Promise.all(Array.from({ length: 50 }, life));
    await batch();
    await idle();
    const before = [count('fd'), count('task')];
    for (let i = 0; i < 6; i++) await batch();
    await idle();
    const grown = [count('fd') - before[0], count('task') - before[1]];
    assert.ok(grown[0] <= 2 && grown[1] <= 0, `${grown} descriptors and threads more`);
  });

  it('ends with its worker', async (t) => {
    const place = await tlsServer(t);
    const source = `
      const { workerData, parentPort } = require('worker_threads');
      const NativeSocket = require(${JSON.stringify(require.resolve('../lib/native_socket.js'))});
      let busy = 0;
      for (let i = 0; i < 5; i++) {
        const socket = new NativeSocket(workerData);
        socket.on('data', (chunk) => {
          socket.write(chunk);
          if (++busy === 50) parentPort.postMessage('busy');
        });
        socket.write(Buffer.alloc(30000));
      }`;
    const workerData = { ...place, tls: { ca: String(ca) } };
    for (let round = 0; round < 3; round++) {
      const workers = Array.from({ length: 4 }, () => new Worker(source, { eval: true, workerData }));
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
    await roundTrip(dial(t, { ...place, tls: { ca } }), 1000);
  });

  it('tells how much is not yet with the kernel', async (t) => {
    const place = await tlsServer(t, pair('server'), (socket) => socket.on('error', () => {}).pause());
    const socket = dial(t, { ...place, tls: { ca } });
    await once(socket, 'connect');
    let written = 0;
    while (written < 64 * MIB && socket.writableLength < MIB) {
      written += 100_000;
      socket.write(Buffer.alloc(100_000));
      await new Promise(setImmediate);
    }
    assert.ok(written < 32 * MIB, `${written} bytes vanished`);
    assert.strictEqual(socket.bytesWritten, written);
  });

  it('sends what it accepted before a destroy', async (t) => {
    let received = '';
    const place = await tlsServer(t, pair('server'), (socket) => {
      socket.on('error', () => {}).on('data', (chunk) => (received += chunk));
      socket.write('go');
    });
    for (let i = 0; i < 50; i++) {
      const socket = dial(t, { ...place, tls: { ca } });
      // Closing with something unread would reset the connection, and take what is under way with it.
      await once(socket, 'data');
      socket.write('x', () => socket.destroy());
      await once(socket, 'close');
    }
    while (received.length < 50) await new Promise(setImmediate);
  });
});

describe('a TLS stream', () => {
  it('is a half-closing stream', async (t) => {
    const place = await tlsServer(t, pair('server'), (socket) => {
      let text = '';
      socket.on('data', (chunk) => (text += chunk));
      socket.on('end', () => socket.end(`got ${text}`));
    });
    const socket = dial(t, { ...place, tls: { ca } });
    socket.end('all');
    let text = '';
    for await (const chunk of socket) text += chunk;
    assert.strictEqual(text, 'got all');
  });

  it('ends when the server leaves without a goodbye', async (t) => {
    const server = tls.createServer(pair('server'), (socket) => socket.write('bye'));
    let raw;
    server.on('connection', (socket) => (raw = socket));
    const place = await listen(t, server);
    const socket = dial(t, { ...place, tls: { ca } });
    const chunks = [];
    socket.on('data', (chunk) => {
      chunks.push(String(chunk));
      raw.end();
    });
    await once(socket, 'end');
    assert.deepStrictEqual(chunks, ['bye']);
  });

  it('stops reading while paused, and says false while the server does not read', async (t) => {
    let written = 0;
    let peer;
    const place = await tlsServer(t, pair('server'), (socket) => {
      peer = socket.on('error', () => {}).pause();
      const block = Buffer.alloc(65_536);
      const fill = () => {
        while (written < 128 * MIB && !socket.destroyed) {
          written += block.length;
          if (!socket.write(block)) return void socket.once('drain', fill);
        }
      };
      fill();
    });
    const socket = dial(t, { ...place, tls: { ca } });
    socket.pause();
    await once(socket, 'connect');
    const block = Buffer.alloc(65_536);
    let taken = 0;
    while (taken < 64 * MIB) {
      taken += block.length;
      if (socket.write(block)) continue;
      const drained = await Promise.race([
        once(socket, 'drain').then(() => true),
        new Promise((resolve) => setTimeout(resolve, 300, false)),
      ]);
      if (!drained) break;
    }
    assert.ok(taken < 32 * MIB, `${taken} bytes taken`);
    assert.ok(socket.writableLength > 0);
    assert.ok(written < 32 * MIB, `${written} bytes sent to us`);
    const drained = once(socket, 'drain');
    peer.resume();
    await drained;
    let received = 0;
    socket.on('data', (chunk) => (received += chunk.length)).resume();
    while (received < 32 * MIB) await once(socket, 'data');
  });
});
