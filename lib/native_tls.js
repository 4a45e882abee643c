'use strict';

/** @import { TlsConnector, TlsSetup } from './native' */

const { constants, createHash, createPrivateKey } = require('crypto');
const tls = require('tls');

const isPlain = require('./dialling/pem');
const processStart = require('./dialling/process_start');
const { defaultRoots, isBefore, securityLevel } = require('./dialling/trust');
const native = require('./native_binding');

/** Connectors kept for further connections with the same options. */
const MAX_CONNECTORS = 64;

const connectors = new Map();

/**
 * Ciphers, groups and signature algorithms that the OpenSSL of this Node offers. The addon's OpenSSL is newer than that of
 * some releases of Node, and would offer more by default.
 */
const opensslDefaults = {
  ciphers: ciphersWhere((name) => !name.startsWith('TLS_')),
  suites: ciphersWhere((name) => name.startsWith('TLS_')),
  ...(isBefore(3, 5) && {
    groups: 'X25519:P-256:X448:P-521:P-384:ffdhe2048:ffdhe3072:ffdhe4096:ffdhe6144:ffdhe8192',
    signatures: 'ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:' +
      'rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:' +
      'rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:' +
      'RSA+SHA256:RSA+SHA384:RSA+SHA512:ECDSA+SHA224:RSA+SHA224:DSA+SHA224:DSA+SHA256:DSA+SHA384:DSA+SHA512',
  }),
};

/**
 * Names of Node's default list, which has ciphers up to TLS 1.2 and suites of TLS 1.3. With another list, Node dials: see
 * ./dialling/decision.js.
 *
 * @param {(name: string) => boolean} isWanted
 * @returns {string} names with colons between them
 */
function ciphersWhere(isWanted) {
  return String(constants.defaultCoreCipherList).split(':').filter(isWanted).join(':');
}


/** @type {Buffer | null} */
let roots = null;
/** @type {readonly string[] | null} */
let rootsFrom = null;

/**
 * The native connector for options of `tls.connect` that ./dialling/decision.js has accepted. Null for invalid certificates
 * or keys, and for others than plain PEM: Node dials then, and warns, throws, or trusts fewer certificates.
 *
 * @param {any} options
 * @returns {TlsConnector | null}
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

/**
 * @param {TlsSetup} setup
 * @returns {TlsConnector | null}
 */
function make(setup) {
  if (!isPlain(String(setup.roots)) || setup.cert && !isPlain(String(setup.cert))) return null;
  try {
    return new native.TlsConnector(setup);
  } catch {
    return null;
  }
}

/**
 * @param {any} options
 * @returns {TlsSetup | null}
 */
function setupFrom({ ca, cert, key, pfx, passphrase, servername, minVersion, maxVersion, rejectUnauthorized }) {
  const trusted = ca ? pem(ca) : defaultStore();
  if (trusted === null || Boolean(cert) !== Boolean(key) || pfx && cert) return null;
  /** @type {TlsSetup} */
  const setup = {
    roots: trusted,
    verify: rejectUnauthorized !== false,
    sni: servername !== '',
    minVersion: minVersion ?? tls.DEFAULT_MIN_VERSION,
    maxVersion: maxVersion ?? tls.DEFAULT_MAX_VERSION,
    securityLevel: securityLevel(),
    ...opensslDefaults,
  };
  try {
    if (pfx) Object.assign(setup, container(pfx, passphrase));
    else if (cert) Object.assign(setup, { cert: pem(cert), key: pkcs8(key, passphrase) });
  } catch {
    return null;
  }
  return setup.cert === null ? null : setup;
}

/**
 * The certificates that Node trusts by default, as one PEM.
 *
 * @returns {Buffer | null} null where they cannot be known
 */
function defaultStore() {
  const list = defaultRoots(processStart().extra);
  if (list !== rootsFrom) {
    rootsFrom = list;
    roots = list && pem(list);
    // Connectors of before have other roots.
    connectors.clear();
  }
  return roots;
}

/**
 * One or several certificates in PEM, as one PEM; null for a value of another type, for which Node throws.
 *
 * @param {any} certificates
 * @returns {Buffer | null}
 */
function pem(certificates) {
  const blocks = /** @type {(string | ArrayBufferView)[]} */ ([]).concat(certificates);
  if (!blocks.every((block) => typeof block === 'string' || ArrayBuffer.isView(block))) return null;
  return Buffer.from(blocks.map(text).join('\n'), 'latin1');
}

/**
 * @param {string | ArrayBufferView} block
 * @returns {string}
 */
function text(block) {
  return typeof block === 'string' ? block : Buffer.from(block.buffer, block.byteOffset, block.byteLength).toString('latin1');
}

/**
 * A private key in the form for the native side: PKCS#8 in PEM, not encrypted.
 *
 * @param {any} key
 * @param {string | undefined} passphrase
 * @returns {Buffer}
 * @throws {Error} for an invalid key, or a wrong passphrase
 */
function pkcs8(key, passphrase) {
  const [only] = /** @type {any[]} */ ([]).concat(key);
  const own = only && only.pem ? only : { pem: only };
  const parsed = createPrivateKey({ key: own.pem, passphrase: own.passphrase || passphrase });
  return Buffer.from(parsed.export({ type: 'pkcs8', format: 'pem' }));
}

/**
 * @param {any} pfx
 * @param {string | undefined} passphrase
 * @returns {{ pfx: Buffer, passphrase: string | undefined }}
 */
function container(pfx, passphrase) {
  const [only] = /** @type {any[]} */ ([]).concat(pfx);
  const own = only && only.buf ? only : { buf: only };
  const bytes = typeof own.buf === 'string' ? Buffer.from(own.buf, 'latin1') : Buffer.from(own.buf);
  return { pfx: bytes, passphrase: own.passphrase || passphrase };
}

/**
 * A key for a setup, equal for equal setups. The default roots, which most connections have, are not read for it.
 *
 * @param {TlsSetup} setup
 * @returns {string}
 */
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
  return hash.digest(/** @type {any} */ ('latin1'));
}

module.exports = { connectorFor };
