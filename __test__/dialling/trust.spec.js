'use strict';

// Whom a client trusts: the store of this Node, what is added to it, and what the application gives.

const path = require('node:path');
const matrix = require('../support/matrix');

const at = (name) => (folder) => path.join(folder, `${name}.crt`);
const extra = (name) => (folder) => ({ NODE_EXTRA_CA_CERTS: at(name)(folder) });
const CA = "{ tls: { ca: pem('ca') } }";
const UNKNOWN = /unable to verify the first certificate/;

/** Node.js before 22.15 has no list of what it trusts; the others say it only of this thread. */
const nodeWhereOld = (major) => (major < 22 ? 'node' : 'native');

matrix('certificates', [
  { name: 'a server that is trusted', options: CA, opens: true, dialled: 'native' },
  { name: 'the option ca', options: "{ ca: pem('ca') }", opens: true, dialled: 'native' },
  { name: 'an unknown authority', opens: false, says: UNKNOWN, dialled: 'native' },
  { name: 'an unknown authority, by the option', options: "{ tls: { ca: pem('other-ca') } }", opens: false, dialled: 'native' },
  { name: 'self-signed', server: 'self-signed', options: CA, opens: false, says: /self-signed certificate/, dialled: 'native' },
  { name: 'self-signed and trusted', server: 'self-signed', options: "{ tls: { ca: pem('self-signed') } }", opens: true, dialled: 'native' },
  { name: 'expired', server: 'expired', options: "{ tls: { ca: pem('fixture-ca') } }", opens: false, says: /expired/, dialled: 'native' },
  { name: 'wrong name', server: 'wrong name', options: "{ tls: { ca: pem('fixture-ca') } }", opens: false, says: /altnames/, dialled: 'native' },
  { name: 'another servername', options: "{ tls: { ca: pem('ca'), servername: 'other.example' } }", opens: false, says: /altnames/, dialled: 'native' },
  { name: 'a chain without its middle', server: 'chain without its middle', options: CA, opens: false, dialled: 'native' },
  { name: 'a whole chain', server: 'whole chain', options: CA, opens: true, dialled: 'native' },
  { name: 'only the middle is trusted', server: 'whole chain', options: "{ tls: { ca: pem('intermediate') } }", opens: false, dialled: 'native' },
  { name: 'rejectUnauthorized: false', server: 'self-signed', options: '{ tls: { rejectUnauthorized: false } }', opens: true, dialled: 'native' },
  {
    name: 'rejectUnauthorized: undefined, NODE_TLS_REJECT_UNAUTHORIZED=0',
    options: '{ tls: { rejectUnauthorized: undefined } }', env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' }, opens: false, dialled: 'node',
  },
  { name: 'NODE_TLS_REJECT_UNAUTHORIZED=0', env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' }, opens: true, dialled: 'node' },
  {
    name: 'NODE_TLS_REJECT_UNAUTHORIZED=0 at run time', after: "process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'", opens: true, dialled: 'node',
  },
  {
    name: 'NODE_TLS_REJECT_UNAUTHORIZED=0 of a worker', worker: { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } }, opens: true, dialled: 'node',
  },
]);

matrix('tls.ca', [
  ['two', true, 'native'],
  ['with-remarks', true, 'native'],
  ['good-then-cut', true, 'node'],
  ['cut-then-good', undefined, 'node'],
  ['good-then-broken', true, 'node'],
  ['broken-then-good', false, 'node'],
  ['glued', undefined, 'node'],
  ['trusted', true, 'node'],
  ['der', false, 'node'],
  ['with-key', undefined, 'node'],
  ['nothing', false, 'node'],
].map(([name, opens, dialled]) => ({ name, options: `{ tls: { ca: pem('${name}') } }`, opens, dialled })).concat([
  { name: 'a list', options: "{ tls: { ca: [pem('other-ca'), String(pem('ca'))] } }", opens: true, dialled: 'native' },
  { name: 'a list with a bad one', options: "{ tls: { ca: [pem('good-then-broken'), pem('other-ca')] } }", opens: true, dialled: 'node' },
  { name: 'an empty list', options: '{ tls: { ca: [] } }', opens: false, dialled: 'node' },
  { name: 'no certificate but a number', options: '{ tls: { ca: 1 } }', opens: false },
]));

matrix('NODE_EXTRA_CA_CERTS', [
  ['ca', true, 'native'],
  ['two', true, 'native'],
  ['with-remarks', true, 'native'],
  ['good-then-cut', true, nodeWhereOld],
  ['cut-then-good', undefined, nodeWhereOld],
  ['good-then-broken', true, nodeWhereOld],
  ['broken-then-good', false, nodeWhereOld],
  ['glued', undefined, nodeWhereOld],
  ['trusted', undefined, nodeWhereOld],
  ['der', false, 'native'],
  ['nothing', false, 'native'],
  ['not-there', false, nodeWhereOld],
].map(([name, opens, dialled]) => ({ name, env: extra(name), opens, dialled })).concat([
  { name: 'relative', env: { NODE_EXTRA_CA_CERTS: 'ca.crt' }, opens: true, dialled: nodeWhereOld, spawn: (folder, node) => ({ node, options: { cwd: folder } }) },
  { name: 'beside the option ca', env: extra('ca'), options: "{ tls: { ca: pem('other-ca') } }", opens: false, dialled: 'native' },
  { name: 'set at run time', before: "process.env.NODE_EXTRA_CA_CERTS = path('ca')", opens: false },
  { name: 'removed at run time', env: extra('ca'), before: 'delete process.env.NODE_EXTRA_CA_CERTS', opens: true },
  { name: 'set after the package was loaded', after: "process.env.NODE_EXTRA_CA_CERTS = path('ca')", opens: false, dialled: 'native' },
  { name: "a worker's own, the process has none", worker: (folder) => ({ env: extra('ca')(folder) }), opens: false },
  { name: "the process's, a worker has none", env: extra('ca'), worker: { env: {} }, opens: true },
  { name: 'beside --use-openssl-ca', env: (folder) => ({ ...extra('ca')(folder), SSL_CERT_FILE: at('other-ca')(folder) }), flags: ['--use-openssl-ca'], opens: true, dialled: 'node' },
  {
    name: 'of a process that runs as another user', env: extra('ca'), opens: false, dialled: 'node',
    skip: process.env.LD_PRELOAD ? 'the linker ignores LD_PRELOAD for such a process' : (process.getuid?.() !== 0 || process.platform !== 'linux') && 'needs root',
    spawn: asAnotherUser,
  },
]));

/** A copy of the binary that runs as root, started by somebody else. */
function asAnotherUser(folder, node) {
  const fs = require('node:fs');
  const copy = path.join(folder, `setuid-${path.basename(node)}`);
  if (!fs.existsSync(copy)) {
    fs.copyFileSync(node, copy);
    fs.chmodSync(copy, 0o4755);
    fs.chmodSync(folder, 0o755);
  }
  return { node: copy, options: { uid: 65534, gid: 65534 } };
}

const openssl = (name) => (folder) => ({ SSL_CERT_FILE: at(name)(folder) });

matrix('stores', [
  { name: '--use-openssl-ca', flags: ['--use-openssl-ca'], env: openssl('ca'), opens: true, dialled: 'node' },
  { name: '--use-openssl-ca, an unknown authority', flags: ['--use-openssl-ca'], env: openssl('other-ca'), opens: false, dialled: 'node' },
  { name: '--use_openssl_ca', flags: ['--use_openssl_ca'], env: openssl('ca'), opens: true, dialled: 'node' },
  { name: 'NODE_OPTIONS', env: (folder) => ({ ...openssl('ca')(folder), NODE_OPTIONS: '--use-openssl-ca' }), opens: true, dialled: 'node' },
  { name: 'NODE_OPTIONS in quotes', env: (folder) => ({ ...openssl('ca')(folder), NODE_OPTIONS: '"--use-openssl-ca"' }), opens: true, dialled: 'node' },
  { name: 'NODE_OPTIONS, underscores', env: (folder) => ({ ...openssl('ca')(folder), NODE_OPTIONS: '--no-deprecation "--use_openssl_ca"' }), opens: true, dialled: 'node' },
  { name: '--use-openssl-ca, a worker with flags of its own', flags: ['--use-openssl-ca'], env: openssl('ca'), worker: { execArgv: [] }, opens: true, dialled: 'node' },
  {
    name: 'NODE_OPTIONS, a worker with an environment of its own',
    env: (folder) => ({ ...openssl('ca')(folder), NODE_OPTIONS: '--use-openssl-ca' }), worker: { env: {}, execArgv: [] }, opens: true, dialled: 'node',
  },
  {
    name: '--use-openssl-ca, a worker, the title of the process changed', flags: ['--use-openssl-ca'], env: openssl('ca'),
    process: "process.title = 'renamed'", worker: { execArgv: [], env: {} }, opens: true, dialled: 'node',
  },
  { name: 'a worker', worker: {}, options: CA, opens: true, dialled: 'native' },
  { name: 'a worker with an environment of its own', worker: { env: {}, execArgv: [] }, options: CA, opens: true, dialled: 'native' },
  { name: '--use-bundled-ca', flags: ['--use-bundled-ca'], env: openssl('ca'), opens: false, dialled: 'node' },
  { name: 'SSL_CERT_FILE alone', env: openssl('ca'), opens: false, dialled: 'native' },
  { name: '--use-system-ca', since: 22, flags: ['--use-system-ca'], env: openssl('ca'), opens: true, dialled: 'node' },
  { name: 'NODE_USE_SYSTEM_CA=1', since: 22, env: (folder) => ({ ...openssl('ca')(folder), NODE_USE_SYSTEM_CA: '1' }), opens: true, dialled: 'node' },
  { name: 'tls.setDefaultCACertificates', since: 22, before: "require('tls').setDefaultCACertificates([String(file('ca.crt'))])", opens: true },
  { name: 'tls.setDefaultCACertificates, later', since: 22, after: "require('tls').setDefaultCACertificates([String(file('ca.crt'))])", opens: true },
  {
    name: 'tls.setDefaultCACertificates takes what was trusted', since: 22, env: extra('ca'),
    before: "const tls = require('tls'); tls.getCACertificates('default'); tls.setDefaultCACertificates([String(file('other-ca.crt'))])", opens: false,
  },
  {
    name: 'tls.setDefaultCACertificates in the main thread, a worker', since: 22,
    process: "require('tls').setDefaultCACertificates([String(file('ca.crt'))])", worker: {}, opens: false,
  },
  { name: '--env-file with NODE_EXTRA_CA_CERTS', flags: (folder) => [`--env-file=${envFile(folder)}`], dialled: 'node' },
]);

function envFile(folder) {
  const file = path.join(folder, 'env');
  require('node:fs').writeFileSync(file, `NODE_EXTRA_CA_CERTS=${at('ca')(folder)}\n`);
  return file;
}
