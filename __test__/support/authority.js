'use strict';

// Certificates for one run of the tests, made with the command `openssl`: good ones, and weak ones that a policy
// may refuse. Each is NAME.crt and NAME.key in a folder that goes with the process.

const { getDiffieHellman } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const NAMES = 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1';

/** What is wrong with `openssl` on this machine, or null. */
const missing = spawnSync('openssl', ['version']).status === 0 ? null : 'needs the command openssl';

function openssl(folder, ...args) {
  const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}:\n${stderr}`);
}

/** A certificate for `name`; signed by itself where no issuer is named. */
function issue(folder, name, { bits = 2048, digest = 'sha256', issuer, isAuthority = false } = {}) {
  const key = ['-newkey', `rsa:${bits}`, '-nodes', '-keyout', `${name}.key`, '-subj', `/CN=${name}`];
  const extensions = path.join(folder, `${name}.cnf`);
  fs.writeFileSync(extensions, isAuthority ? 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n' : `${NAMES}\n`);
  openssl(folder, 'req', '-new', ...key, '-out', `${name}.csr`);
  const signer = issuer ? ['-CA', `${issuer}.crt`, '-CAkey', `${issuer}.key`, '-CAcreateserial'] : ['-signkey', `${name}.key`];
  openssl(folder, 'x509', '-req', '-in', `${name}.csr`, '-days', '2', `-${digest}`, ...signer, '-extfile', extensions, '-out', `${name}.crt`);
}

/** Parameters for Diffie-Hellman: one of the groups of RFC 2409 and RFC 3526, as OpenSSL 3.5 serves no DSA-like ones. */
function group(folder, file, name) {
  const prime = getDiffieHellman(name).getPrime('hex');
  fs.writeFileSync(path.join(folder, 'group.cnf'), `asn1=SEQUENCE:group\n[group]\nprime=INTEGER:0x${prime}\ngenerator=INTEGER:2\n`);
  openssl(folder, 'asn1parse', '-genconf', 'group.cnf', '-noout', '-out', 'group.der');
  openssl(folder, 'dhparam', '-inform', 'DER', '-in', 'group.der', '-out', file);
}

/** Makes everything; returns the folder. */
function makeAuthority() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dialling-'));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  issue(folder, 'ca', { isAuthority: true });
  issue(folder, 'other-ca', { isAuthority: true });
  issue(folder, 'server', { issuer: 'ca' });
  issue(folder, 'client', { issuer: 'ca' });
  issue(folder, 'intermediate', { issuer: 'ca', isAuthority: true });
  issue(folder, 'below-intermediate', { issuer: 'intermediate' });
  issue(folder, 'self-signed');
  issue(folder, 'weak-ca', { bits: 1024, isAuthority: true });
  issue(folder, 'below-weak-ca', { issuer: 'weak-ca' });
  issue(folder, 'weak-key', { bits: 1024, issuer: 'ca' });
  issue(folder, 'sha1', { digest: 'sha1', issuer: 'ca' });
  group(folder, 'dh1024.pem', 'modp2');
  openssl(folder, 'x509', '-in', 'ca.crt', '-trustout', '-out', 'trusted.crt');
  openssl(folder, 'x509', '-in', 'ca.crt', '-outform', 'DER', '-out', 'der.crt');
  openssl(folder, 'pkcs12', '-export', '-in', 'client.crt', '-inkey', 'client.key', '-passout', 'pass:secret', '-out', 'client.pfx');
  openssl(folder, 'pkcs12', '-export', '-in', 'client.crt', '-inkey', 'client.key', '-certfile', 'ca.crt', '-passout', 'pass:secret', '-out', 'client-and-ca.pfx');
  fs.copyFileSync(path.join(__dirname, '..', 'fixtures', 'tls', 'ca.crt'), path.join(folder, 'fixture-ca.crt'));
  const read = (name) => fs.readFileSync(path.join(folder, `${name}.crt`), 'latin1');
  const write = (name, text) => fs.writeFileSync(path.join(folder, `${name}.crt`), text, 'latin1');
  const [ca, other] = [read('ca'), read('other-ca')];
  const cut = other.slice(0, other.length / 2);
  write('good-then-cut', ca + cut);
  write('cut-then-good', `${cut}\n${ca}`);
  write('good-then-broken', ca + other.replace('MII', '*II'));
  write('broken-then-good', other.replace('MII', '*II') + ca);
  write('glued', other.trimEnd() + ca);
  write('two', other + ca);
  write('with-remarks', `# ours\n\n${other}\nThe second one:\n${ca.replaceAll('\n', '\r\n')}# end`);
  write('with-key', fs.readFileSync(path.join(folder, 'client.key'), 'latin1') + ca);
  write('nothing', 'no certificate at all\n');
  return folder;
}

module.exports = { missing, makeAuthority };
