'use strict';

// How TLS is made: versions, ciphers, strength of keys and signatures, the configuration of OpenSSL, our certificate.

const fs = require('node:fs');
const path = require('node:path');
const matrix = require('../support/matrix');

const CA = "{ tls: { ca: pem('ca') } }";
const withTLS = (more) => `{ tls: { ca: pem('ca'), ${more} } }`;

/** OpenSSL's security level is 1 until Node.js 22, and then 2. */
const atLevel1 = (major) => major < 24;

matrix('strength', [
  { name: 'an authority of 1024 bits', server: 'below weak authority', options: "{ tls: { ca: pem('weak-ca') } }", opens: atLevel1, dialled: 'native' },
  { name: 'a server of 1024 bits', server: 'weak key', options: CA, opens: atLevel1, dialled: 'native' },
  { name: 'DHE of 1024 bits', server: 'DHE of 1024 bits', options: CA, opens: atLevel1, dialled: 'native' },
  { name: 'a signature with SHA-1', server: 'SHA-1', options: CA, opens: false, dialled: 'native' },
  { name: 'the same, without verification: 1024 bits', server: 'weak key', options: '{ tls: { rejectUnauthorized: false } }', opens: true, dialled: 'native' },
  { name: 'the same, without verification: SHA-1', server: 'SHA-1', options: '{ tls: { rejectUnauthorized: false } }', dialled: 'native' },
  { name: 'our own certificate of 1024 bits', server: 'client certificate, not enforced', options: withTLS("cert: pem('weak-key'), key: key('weak-key')") },
]);

matrix('versions', [
  ...['TLS 1.0', 'TLS 1.1'].map((server) => ({ name: server, server, options: CA, opens: false, dialled: 'native' })),
  ...['TLS 1.2', 'TLS 1.3'].map((server) => ({ name: server, server, options: CA, opens: true, dialled: 'native' })),
  { name: 'TLS 1.0, asked for', server: 'TLS 1.0', options: withTLS("minVersion: 'TLSv1'"), opens: false, dialled: 'node' },
  { name: 'TLS 1.1, asked for', server: 'TLS 1.1', options: withTLS("minVersion: 'TLSv1.1'"), opens: false, dialled: 'node' },
  { name: 'TLS 1.0, asked for, with weak ciphers', server: 'TLS 1.0', options: withTLS("minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0'"), opens: true, dialled: 'node' },
  { name: 'minVersion', server: 'TLS 1.2', options: withTLS("minVersion: 'TLSv1.3'"), opens: false, says: /protocol version/, dialled: 'native' },
  { name: 'maxVersion', server: 'TLS 1.3', options: withTLS("maxVersion: 'TLSv1.2'"), opens: false, says: /protocol version/, dialled: 'native' },
  { name: 'minVersion above maxVersion', options: withTLS("minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2'"), opens: false },
  { name: 'no version', options: withTLS("minVersion: 'TLSv7'"), opens: false },
  { name: 'tls.DEFAULT_MIN_VERSION', server: 'TLS 1.2', options: CA, after: "require('tls').DEFAULT_MIN_VERSION = 'TLSv1.3'", opens: false },
  { name: 'tls.DEFAULT_MAX_VERSION', server: 'TLS 1.3', options: CA, after: "require('tls').DEFAULT_MAX_VERSION = 'TLSv1.2'", opens: false },
  { name: '--tls-min-v1.3', server: 'TLS 1.2', options: CA, flags: ['--tls-min-v1.3'], opens: false },
  { name: '--tls-max-v1.2', server: 'TLS 1.3', options: CA, flags: ['--tls-max-v1.2'], opens: false },
  { name: '--tls-min-v1.0', server: 'TLS 1.0', options: CA, flags: ['--tls-min-v1.0'], opens: false },
]);

matrix('ciphers', [
  ...['AES128-SHA', 'AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'].map((server) => ({ name: server, server, options: CA, opens: true, dialled: 'native' })),
  { name: 'a server with other ciphers', server: 'CAMELLIA128-SHA', options: CA, opens: false, says: /alert handshake failure/, dialled: 'native' },
  { name: 'the same, without verification', server: 'CAMELLIA128-SHA', options: '{ tls: { rejectUnauthorized: false } }', opens: false, says: /alert handshake failure/, dialled: 'native' },
  { name: 'a server without a certificate', server: 'AECDH-AES256-SHA', options: CA, opens: false, dialled: 'native' },
  { name: 'P-384', server: 'P-384', options: CA, opens: true, dialled: 'native' },
  { name: '--tls-cipher-list', server: 'AES128-SHA', options: CA, flags: ['--tls-cipher-list=ECDHE-RSA-AES256-GCM-SHA384'], opens: false, dialled: 'node' },
  { name: '--tls-cipher-list in NODE_OPTIONS', server: 'AES128-SHA', options: CA, env: { NODE_OPTIONS: '--tls-cipher-list=ECDHE-RSA-AES256-GCM-SHA384' }, opens: false, dialled: 'node' },
  { name: 'tls.DEFAULT_CIPHERS', server: 'AES128-SHA', options: CA, after: "require('tls').DEFAULT_CIPHERS = 'ECDHE-RSA-AES256-GCM-SHA384'", opens: false, dialled: 'node' },
  { name: 'tls.DEFAULT_CIPHERS, more', server: 'CAMELLIA128-SHA', options: CA, before: "require('tls').DEFAULT_CIPHERS = 'CAMELLIA128-SHA'", opens: true, dialled: 'node' },
  { name: 'tls.DEFAULT_ECDH_CURVE', server: 'P-384', options: withTLS("maxVersion: 'TLSv1.2'"), after: "require('tls').DEFAULT_ECDH_CURVE = 'P-256'", dialled: 'node' },
]);

const config = (text) => (folder) => {
  const file = path.join(folder, `openssl-${text.length}.cnf`);
  fs.writeFileSync(file, ['nodejs_conf', 'openssl_conf'].map((name) => `${name} = init\n`).join('') +
    `[init]\nssl_conf = ssl\n[ssl]\nsystem_default = defaults\n[defaults]\n${text}\n`);
  return file;
};
const strict = config('MinProtocol = TLSv1.3');
const ciphers = config('CipherString = DEFAULT@SECLEVEL=3');

matrix('configuration of OpenSSL', [
  { name: 'OPENSSL_CONF', server: 'TLS 1.2', options: CA, env: (folder) => ({ OPENSSL_CONF: strict(folder) }), dialled: 'node' },
  { name: 'OPENSSL_CONF, a security level', options: CA, env: (folder) => ({ OPENSSL_CONF: ciphers(folder) }), dialled: 'node' },
  { name: 'OPENSSL_CONF set at run time', server: 'TLS 1.2', options: CA, before: "require('fs').writeFileSync(require('path').join(require('os').tmpdir(), 'unused.cnf'), ''); process.env.OPENSSL_CONF = '/nowhere'", opens: true },
  { name: '--openssl-config', server: 'TLS 1.2', options: CA, flags: (folder) => [`--openssl-config=${strict(folder)}`], dialled: 'node' },
  { name: '--openssl-shared-config', server: 'TLS 1.2', options: CA, env: (folder) => ({ OPENSSL_CONF: strict(folder) }), flags: ['--openssl-shared-config'], dialled: 'node' },
  { name: '--openssl-legacy-provider', options: CA, flags: ['--openssl-legacy-provider'], opens: true, dialled: 'node' },
  { name: '--secure-heap', options: CA, flags: ['--secure-heap=65536'], opens: true, dialled: 'node' },
  {
    name: '--tls-keylog', options: CA, flags: (folder) => [`--tls-keylog=${path.join(folder, 'keys.log')}`], opens: true, dialled: 'node',
    program: `
      const fs = require('fs'), log = process.execArgv.join().split('=')[1];
      fs.rmSync(log, { force: true });
      const ws = new Client(url, [], options);
      ws.on('open', () => {
        const timer = setInterval(() => {
          if (!fs.existsSync(log) || fs.statSync(log).size === 0) return;
          clearInterval(timer);
          seen.push('keys');
          ws.close();
        }, 10);
      });
      return ws;`,
  },
  { name: 'SSLKEYLOGFILE, which Node does not know', options: CA, env: (folder) => ({ SSLKEYLOGFILE: path.join(folder, 'other.log') }), opens: true, dialled: 'native' },
]);

const client = "cert: pem('client'), key: key('client')";

matrix('our certificate', ['client certificate', 'client certificate, TLS 1.2'].flatMap((server) => [
  { name: `none: ${server}`, server, options: CA, dialled: 'native' },
  { name: `given: ${server}`, server, options: withTLS(client), opens: true, dialled: 'native' },
  {
    name: `of another authority: ${server}`, server: server.endsWith('1.2') ? server : `${server}, not enforced`,
    options: withTLS("cert: pem('self-signed'), key: key('self-signed')"), opens: false, dialled: 'native',
    // It takes the end for an end, before the error comes.
    original: server.endsWith('1.2') && 'closes without a word',
  },
]).concat([
  { name: 'a container', server: 'client certificate', options: withTLS("pfx: file('client.pfx'), passphrase: 'secret'"), opens: true, dialled: 'native' },
  { name: 'a container with an authority', server: 'client certificate', options: "{ tls: { pfx: file('client-and-ca.pfx'), passphrase: 'secret' } }", dialled: 'node' },
  { name: 'a container, wrong passphrase', options: withTLS("pfx: file('client.pfx'), passphrase: 'wrong'"), opens: false },
  { name: 'a key that is none', options: withTLS("cert: pem('client'), key: 'none'"), opens: false },
  { name: "another certificate's key", options: withTLS("cert: pem('client'), key: key('server')"), opens: false },
  { name: 'a certificate without its key', server: 'client certificate', options: withTLS("cert: pem('client')") },
  { name: 'a key without its certificate', server: 'client certificate', options: withTLS("key: key('client')") },
  { name: 'a servername that is an address', options: withTLS("servername: '127.0.0.1'"), dialled: (major) => (major < 26 ? 'node' : undefined) },
  { name: 'no servername', options: withTLS("servername: ''"), opens: true, original: 'takes the name of the URL' },
]));
