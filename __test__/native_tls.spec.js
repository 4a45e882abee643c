'use strict';

// Natively dialled sockets through TLS and proxies: the ways to a server, whom it trusts, and what goes wrong.

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { X509Certificate } = require('node:crypto');
const { once } = require('node:events');
const net = require('node:net');
const path = require('node:path');
const tls = require('node:tls');

const DialledSocket = require('../lib/socket/dialled.js');
const { DialState } = require('../lib/native_binding.js');
const { connectorFor } = require('../lib/native_tls.js');
const { describe, it } = require('./support/spec');
const { fixture, pair, ca } = require('./support/network');
const { MIB, dial, echo, listen, plainServer, tlsServer, roundTrip } = require('./support/native_sockets');
const { checksIPv6 } = require('./support/node');

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
    if (!checksIPv6) {
      const { code } = await failure(dial(t, { host: '::1', port: place.port, tls: { ca } }));
      assert.strictEqual(code, 'ERR_TLS_CERT_ALTNAME_INVALID');
      return;
    }
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
  for (const [what, value] of [
    ['a PEM buffer', ca],
    ['a PEM string', String(ca)],
    ['a list', [fixture('self-signed.crt'), String(ca)]],
    ['several in one PEM', `${fixture('self-signed.crt')}\n${ca}`],
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

  it('sends servername as SNI, and compares the certificate with that name', async (t) => {
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
    ['an encrypted key', { cert: fixture('client.crt'), key: fixture('client.encrypted.key'), passphrase: 'secret' }],
    ['a PKCS#12 file', { pfx: fixture('client.pfx'), passphrase: 'secret' }],
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

  it('has Node dial for certificates that are not plain PEM', () => {
    const text = String(ca);
    for (const value of [
      new X509Certificate(ca).raw, text.trimEnd() + text, text + text.slice(0, 200), text + text.replace(/\n[A-Za-z0-9]/, '\n*'),
      text.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE'), `${text}-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n`,
      text.replace('MII', 'MIII'), '', [], [text, 'x'].slice(1), [1],
    ]) assert.strictEqual(connectorFor({ ca: value || ' ' }), null, String(value));
    assert.notStrictEqual(connectorFor({ ca: `# ours\r\n${text.replaceAll('\n', '\r\n')}# end` }), null);
  });

  it('has Node dial for keys and versions it cannot read, and never connects without TLS', () => {
    const cert = fixture('client.crt');
    for (const options of [
      { cert, key: 'no key' }, { cert }, { pfx: fixture('client.pfx'), passphrase: 'wrong' }, { minVersion: 'TLSv7' },
    ]) {
      assert.strictEqual(connectorFor({ ca, ...options }), null);
      assert.throws(() => new DialledSocket({ port: 1, tls: { ca, ...options } }), /socket of Node/);
    }
  });

  it('trusts the certificates of NODE_EXTRA_CA_CERTS', async (t) => {
    const { port } = await tlsServer(t);
    const source = `
      const DialledSocket = require(${JSON.stringify(require.resolve('../lib/socket/dialled.js'))});
      new DialledSocket({ host: 'localhost', port: ${port}, tls: {} })
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
});

describe('versions', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    it(`uses only ${version}`, async (t) => {
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
    assert.strictEqual(error.code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    assert.match(error.message, /:tlsv1 alert protocol version:.*:SSL alert number 70\n$/);
  });
});

describe('failures on the way', () => {
  it('a server that does not speak TLS', async (t) => {
    const place = await plainServer(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const error = await failure(dial(t, { ...place, tls: { ca } }));
    assert.match(error.code, /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/);
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

  it('the timeout passes before JavaScript has checked the certificate', async (t) => {
    const socket = dial(t, { ...(await tlsServer(t)), tls: { ca }, timeout: 500 });
    const { _dialler: dialler } = socket._dialling;
    const { takeCredentials } = dialler;
    dialler.takeCredentials = () => {
      const pause = new Int32Array(new SharedArrayBuffer(4));
      while (dialler.state() === DialState.Credentials) Atomics.wait(pause, 0, 0, 5);
      return takeCredentials.call(dialler);
    };
    const error = await failure(socket);
    assert.strictEqual(error.code, 'ETIMEDOUT');
  });

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

  it('a proxy that refuses connections', async (t) => {
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

