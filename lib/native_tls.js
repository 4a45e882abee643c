'use strict';

const { createHash, createPrivateKey } = require('crypto');
const fs = require('fs');
const tls = require('tls');

const native = require('./native_binding');

/** Options of `tls.connect` that the native side honours; with any other, Node has to dial. */
const HONOURED = new Set([
  'ca', 'cert', 'key', 'maxVersion', 'minVersion', 'passphrase', 'pfx', 'rejectUnauthorized', 'servername',
]);

/** Connectors kept for further connections with the same options. */
const MAX_CONNECTORS = 64;

/** First byte of every certificate in DER. */
const DER_SEQUENCE = 0x30;

const connectors = new Map();

let roots = null;
let rootsFrom = null;

/** Whether a native connection with these `tls.connect` options is what Node's would be. */
function isHonoured(options) {
  for (const name in options) {
    if (options[name] !== undefined && !HONOURED.has(name)) return false;
  }
  const { cert, key, pfx } = options || {};
  // Several identities, one for each kind of key, are more than the native library takes.
  return [cert, key, pfx].every((value) => !Array.isArray(value) || value.length <= 1);
}

/** The native connector for `tls.connect` options. Throws for certificates and keys that are none. */
function connectorFor(options) {
  const { ca, cert, key, pfx, passphrase, servername } = options;
  const setup = {
    roots: ca ? pem(ca) : defaultRoots(),
    verify: options.rejectUnauthorized !== false && !isUnauthorizedAllowed(options),
    sni: servername !== '',
    minVersion: options.minVersion || tls.DEFAULT_MIN_VERSION,
    maxVersion: options.maxVersion || tls.DEFAULT_MAX_VERSION,
  };
  if (pfx) Object.assign(setup, container(pfx, passphrase));
  else if (cert && key) Object.assign(setup, { cert: pem(cert), key: pkcs8(key, passphrase) });

  const id = identity(setup);
  let connector = connectors.get(id);
  if (connector === undefined) {
    connector = new native.TlsConnector(setup);
    if (connectors.size === MAX_CONNECTORS) connectors.delete(connectors.keys().next().value);
  } else {
    connectors.delete(id);
  }
  connectors.set(id, connector);
  return connector;
}

/** As for `tls.connect`: the variable counts where the option is absent. */
function isUnauthorizedAllowed({ rejectUnauthorized }) {
  return rejectUnauthorized === undefined && process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0';
}

/** The roots Node would trust, as PEM; undefined where those are the system's. */
function defaultRoots() {
  if (tls.getCACertificates) {
    const list = tls.getCACertificates('default');
    if (list !== rootsFrom) {
      rootsFrom = list;
      roots = pem(list);
    }
  } else if (roots === null) {
    const flags = [...process.execArgv, ...(process.env.NODE_OPTIONS || '').split(/\s+/)];
    roots = flags.includes('--use-openssl-ca') ? undefined : pem([...tls.rootCertificates, ...extraRoots()]);
  }
  return roots;
}

function extraRoots() {
  try {
    return [fs.readFileSync(process.env.NODE_EXTRA_CA_CERTS)];
  } catch {
    // Node has warned at its start, if there was anything to warn of.
    return [];
  }
}

/** One or several certificates, PEM or DER, as one PEM. */
function pem(certificates) {
  const blocks = [].concat(certificates).map((certificate) => {
    const bytes = Buffer.from(certificate);
    return bytes[0] === DER_SEQUENCE ? wrapped(bytes) : bytes.toString('latin1');
  });
  return Buffer.from(blocks.join('\n'), 'latin1');
}

function wrapped(der) {
  const lines = der.toString('base64').match(/.{1,64}/g).join('\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----`;
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
  const hash = createHash('sha256');
  for (const [name, value] of Object.entries(setup)) {
    if (value === undefined) continue;
    const bytes = value === roots ? Buffer.from('default') : Buffer.from(Buffer.isBuffer(value) ? value : String(value));
    hash.update(`${name}:${value === roots}:${bytes.length}:`).update(bytes);
  }
  return hash.digest('latin1');
}

module.exports = { isHonoured, connectorFor };
