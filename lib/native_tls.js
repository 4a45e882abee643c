'use strict';

const { createHash, createPrivateKey } = require('crypto');
const tls = require('tls');

const isPlain = require('./dialling/pem');
const processStart = require('./dialling/process_start');
const { defaultRoots, securityLevel } = require('./dialling/trust');
const native = require('./native_binding');

/** Connectors kept for further connections with the same options. */
const MAX_CONNECTORS = 64;

const connectors = new Map();

let roots = null;
let rootsFrom = null;

/**
 * The native connector for `tls.connect` options that ./dialling/decision.js found nothing wrong with.
 * Null where certificates or keys are none, or are others than plain PEM: what Node makes of those, a
 * warning, an error or less trust, is for Node to say.
 */
function connectorFor(options) {
  const setup = setupFrom(options);
  if (setup === null) return null;
  const id = identity(setup);
  let connector = connectors.get(id);
  if (connector === undefined) {
    connector = make(setup);
    if (connectors.size === MAX_CONNECTORS) connectors.delete(connectors.keys().next().value);
  } else {
    connectors.delete(id);
  }
  connectors.set(id, connector);
  return connector;
}

function make(setup) {
  if (!isPlain(String(setup.roots)) || setup.cert && !isPlain(String(setup.cert))) return null;
  try {
    return new native.TlsConnector(setup);
  } catch {
    return null;
  }
}

function setupFrom({ ca, cert, key, pfx, passphrase, servername, minVersion, maxVersion, rejectUnauthorized }) {
  const setup = {
    roots: ca ? pem(ca) : defaultStore(),
    verify: rejectUnauthorized !== false,
    sni: servername !== '',
    minVersion: minVersion ?? tls.DEFAULT_MIN_VERSION,
    maxVersion: maxVersion ?? tls.DEFAULT_MAX_VERSION,
    securityLevel: securityLevel(),
  };
  if (setup.roots === null || Boolean(cert) !== Boolean(key) || pfx && cert) return null;
  try {
    if (pfx) Object.assign(setup, container(pfx, passphrase));
    else if (cert) Object.assign(setup, { cert: pem(cert), key: pkcs8(key, passphrase) });
  } catch {
    return null;
  }
  return setup.cert === null ? null : setup;
}

/** What Node trusts by default, as one PEM. */
function defaultStore() {
  const list = defaultRoots(processStart().extra);
  if (list !== rootsFrom) {
    rootsFrom = list;
    roots = list && pem(list);
    // Those made before trust others.
    connectors.clear();
  }
  return roots;
}

/** One or several certificates in PEM, as one PEM; null for what Node would refuse at the call. */
function pem(certificates) {
  const blocks = [].concat(certificates);
  if (!blocks.every((block) => typeof block === 'string' || ArrayBuffer.isView(block))) return null;
  return Buffer.from(blocks.map(text).join('\n'), 'latin1');
}

function text(block) {
  return typeof block === 'string' ? block : Buffer.from(block.buffer, block.byteOffset, block.byteLength).toString('latin1');
}

function pkcs8(key, passphrase) {
  const [only] = [].concat(key);
  const own = only && only.pem ? only : { pem: only };
  const parsed = createPrivateKey({ key: own.pem, passphrase: own.passphrase || passphrase });
  return Buffer.from(parsed.export({ type: 'pkcs8', format: 'pem' }));
}

function container(pfx, passphrase) {
  const [only] = [].concat(pfx);
  const own = only && only.buf ? only : { buf: only };
  const bytes = typeof own.buf === 'string' ? Buffer.from(own.buf, 'latin1') : Buffer.from(own.buf);
  return { pfx: bytes, passphrase: own.passphrase || passphrase };
}

/** Equal for equal setups. The default roots, which most connections use, are not read for it. */
function identity(setup) {
  if (setup.roots === roots && setup.cert === undefined && setup.pfx === undefined) {
    return `${setup.verify} ${setup.sni} ${setup.minVersion} ${setup.maxVersion}`;
  }
  const hash = createHash('sha256');
  for (const [name, value] of Object.entries(setup)) {
    if (value === undefined) continue;
    const bytes = value === roots ? Buffer.from('default') : Buffer.from(Buffer.isBuffer(value) ? value : String(value));
    hash.update(`${name}:${value === roots}:${bytes.length}:`).update(bytes);
  }
  return hash.digest('latin1');
}

module.exports = { connectorFor };
