'use strict';

/**
 * The decision whether a client is dialled natively or by Node's `net` and `tls`.
 *
 * A native connection must trust, resolve and connect as one of Node's does. Node's depends on options, on flags and
 * variables that are read at the start of the process, on the environment of this thread, on defaults of `tls`, `dns` and
 * `net`, on functions that may be replaced, on subscribers of channels, and on the permission model. Where any of these is
 * set to something that a native connection cannot follow exactly, or where that is in doubt, Node dials.
 */
const { constants, getFips } = require('crypto');
const { channel } = require('diagnostics_channel');
const dns = require('dns');
const net = require('net');
const tls = require('tls');

const replacedFunction = require('./builtins');
const processStart = require('./process_start');
const { defaultRoots } = require('./trust');
const { attach } = require('../socket/event_loop');
const { hostname } = require('../url');

/** Options of `net.connect` that a native connection follows. */
const HONOURED_NET = new Set(['highWaterMark', 'host', 'keepAlive', 'keepAliveInitialDelay', 'noDelay', 'path', 'port']);

/** Options of `tls.connect` that a native connection follows. */
const HONOURED_TLS = new Set([
  'ca', 'cert', 'key', 'maxVersion', 'minVersion', 'passphrase', 'pfx', 'rejectUnauthorized', 'servername',
]);

/** Node publishes each socket that it dials to this channel. */
const socketChannel = channel('net.client.socket');

const { getDefaultResultOrder } = dns;
const { getDefaultAutoSelectFamily, getDefaultAutoSelectFamilyAttemptTimeout: attemptTimeout, isIP } = net;

/** The time, in milliseconds, for a connection to one of several addresses: this Node's default. */
const usualTimeout = [250, 500].find((value) => attemptTimeout?.() === value);

const { defaultCoreCipherList: CIPHERS } = constants;

/** Why native TLS differs from that of this Node with any options; null if it does not. */
const unlikeOurs = (() => {
  const variables = /** @type {Record<string, unknown>} */ (process.config.variables);
  if (process.versions.electron) return 'TLS of Electron';
  if (!/^3\./.test(process.versions.openssl)) return `TLS of OpenSSL ${process.versions.openssl}`;
  if (variables.node_shared_openssl || variables.openssl_is_fips) return "OpenSSL of the system";
  return null;
})();

/**
 * @param {object} way
 * @param {URL} way.endpoint the server, or the proxy before it
 * @param {string} [way.path] Unix socket
 * @param {boolean} way.isProxied
 * @param {object} way.net options of `net.connect`
 * @param {object[]} way.layers options of `tls.connect`, of each layer of TLS
 * @param {boolean} [way.kernelSocket] false has Node dial
 * @returns {string | null} why Node has to dial; null to dial natively
 */
function reasonForNode({ endpoint, path, isProxied, net: netOptions, layers, kernelSocket }) {
  const isSecure = layers.length > 0;
  return (kernelSocket === false ? 'option kernelSocket' : null) ||
    unhonouredOption('net', netOptions, HONOURED_NET) ||
    (path && isProxied ? 'option net.path' : null) ||
    (process.permission !== undefined ? 'permission model' : null) ||
    replaced(isSecure) ||
    (socketChannel.hasSubscribers ? 'diagnostics channel net.client.socket' : null) ||
    (path || isIP(hostname(endpoint)) !== 0 ? null : reasonInNames()) ||
    (isSecure ? reasonInTLS(layers) : null) ||
    // Last, as it opens descriptors.
    (attach() < 0 ? 'no watch on the event loop' : null);
}

/**
 * @param {string} place
 * @param {any} options
 * @param {Set<string>} honoured
 * @returns {string | null}
 */
function unhonouredOption(place, options, honoured) {
  for (const name in options) if (options[name] !== undefined && !honoured.has(name)) return `option ${place}.${name}`;
  return null;
}

/**
 * @param {boolean} isSecure
 * @returns {string | null}
 */
function replaced(isSecure) {
  const name = replacedFunction(isSecure);
  return name === null ? null : `function ${name}`;
}

/**
 * Why names have to be looked up, and their addresses tried, by Node.
 *
 * @returns {string | null}
 */
function reasonInNames() {
  if (getDefaultResultOrder === undefined || getDefaultResultOrder() !== 'verbatim') return 'dns.setDefaultResultOrder';
  if (getDefaultAutoSelectFamily === undefined || !getDefaultAutoSelectFamily()) return 'net.setDefaultAutoSelectFamily';
  if (attemptTimeout() !== usualTimeout) return 'net.setDefaultAutoSelectFamilyAttemptTimeout';
  return null;
}

/**
 * @param {any[]} layers
 * @returns {string | null}
 */
function reasonInTLS(layers) {
  if (unlikeOurs !== null) return unlikeOurs;
  const { flag, variable, extra, unknown } = processStart();
  if (unknown) return 'start of the process';
  if (flag) return `flag ${flag}`;
  if (variable) return `variable ${variable}`;
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0') return 'variable NODE_TLS_REJECT_UNAUTHORIZED';
  if (tls.DEFAULT_CIPHERS !== CIPHERS) return 'tls.DEFAULT_CIPHERS';
  if (tls.DEFAULT_ECDH_CURVE !== 'auto') return 'tls.DEFAULT_ECDH_CURVE';
  if (getFips() !== 0) return 'crypto.setFips';
  for (const options of layers) {
    const reason = reasonInLayer(options, extra);
    if (reason !== null) return reason;
  }
  return null;
}

/**
 * @param {any} options
 * @param {string | undefined} extra value of NODE_EXTRA_CA_CERTS
 * @returns {string | null}
 */
function reasonInLayer(options, extra) {
  const reason = unhonouredOption('tls', options, HONOURED_TLS);
  if (reason !== null) return reason;
  const { ca, cert, key, pfx, servername, minVersion } = options;
  // Which of their ciphers are left at a security level differs between releases of OpenSSL.
  if (['TLSv1', 'TLSv1.1'].includes(minVersion ?? tls.DEFAULT_MIN_VERSION)) return 'TLS before 1.2';
  // Several identities, one for each kind of key: the native side takes one.
  for (const [name, value] of [['cert', cert], ['key', key], ['pfx', pfx]]) {
    if (Array.isArray(value) && value.length > 1) return `option tls.${name}`;
  }
  // Node warns of an address as server name.
  if (servername && isIP(servername)) return 'option tls.servername';
  if (!ca && defaultRoots(extra) === null) return 'variable NODE_EXTRA_CA_CERTS';
  return null;
}

module.exports = reasonForNode;
