'use strict';

/** The certificates that Node trusts by default, and the defaults of its OpenSSL. */
const fs = require('fs');
const path = require('path');
const tls = require('tls');

const { createSecureContext, rootCertificates } = tls;

/**
 * Since Node.js 22.15.
 *
 * @type {((type: 'default' | 'extra') => string[]) | undefined}
 */
const getCACertificates = /** @type {any} */ (tls).getCACertificates;

/** A self-signed certificate of 1024 bits, which OpenSSL refuses from security level 2 on; used only to find out the level. */
const WEAK_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIB/DCCAWWgAwIBAgIUQdCrrgs7VeCtFBAGJF8+3JVFnFcwDQYJKoZIhvcNAQEL
BQAwEDEOMAwGA1UEAwwFdzEwMjQwHhcNMjYxMTI2MTQwNDM2WhcNMzYxMTIzMTQw
NDM2WjAQMQ4wDAYDVQQDDAV3MTAyNDCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkC
gYEA9hkSc1KH+IqihGM1Ww5QTZvHeh15i7rMeQ749ugWwVHRTpUh4DZYCoeUeFwX
+fYV0mnjhL/lH4+hFPWNl5x565MTdAHB39uAVon0M8WvyNcBECdGMmDGfOSQfBo8
gaF3CjMopD5LCJ5klwr6aTbAkicv9RJZRDwrzkwGe536FrECAwEAAaNTMFEwHQYD
VR0OBBYEFGXSdnu3vrY1X2tv+CbqN3BVQlKWMB8GA1UdIwQYMBaAFGXSdnu3vrY1
X2tv+CbqN3BVQlKWMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADgYEA
kGicLMfUFcWcWaVPA1jo8s5lliAuEkUNEMIBCmz0JBt+fRua8Ce5A2Fr8A2UnqCR
y5lHzxSQgY4K5DDiVbXn8Z/27J63eL9eFZR7zCvHrRbvR+IDlmn9lVpK9oF+z4DJ
+42nKrWvv+YpMm8XNZgz+gdhIJDWKOMKdUghKxTdbZ4=
-----END CERTIFICATE-----
`;

/** @type {readonly string[] | null} */
let lastList = null;
let isKnown = true;
/**
 * Node.js before 22.15: the result of `readExtra`; undefined before its call.
 *
 * @type {readonly string[] | null | undefined}
 */
let withExtra;

/**
 * The certificates, in PEM, that Node trusts in this thread; null where they cannot be known. The
 * list is the same object until it changes.
 *
 * @param {string} [extra] NODE_EXTRA_CA_CERTS as the process was started with it
 * @returns {readonly string[] | null}
 */
function defaultRoots(extra) {
  if (getCACertificates === undefined) {
    if (!extra) return rootCertificates;
    if (withExtra === undefined) withExtra = readExtra(extra);
    return withExtra;
  }
  const list = getCACertificates('default');
  if (list !== lastList) {
    lastList = list;
    // 'default' lacks those of the variable where it was deleted, or is not in a worker's environment; Node trusts them
    // still.
    isKnown = !extra || isPart(getCACertificates('extra'), list);
  }
  return isKnown ? list : null;
}

/**
 * Node.js before 22.15: the built-in certificates and those of NODE_EXTRA_CA_CERTS; null for a file that cannot be read, of
 * which Node warns.
 *
 * @param {string} file
 * @returns {readonly string[] | null}
 */
function readExtra(file) {
  if (!path.isAbsolute(file)) return null;
  try {
    return Object.freeze([...rootCertificates, fs.readFileSync(file, 'latin1')]);
  } catch {
    return null;
  }
}

/**
 * @param {readonly string[]} some
 * @param {readonly string[]} all
 * @returns {boolean}
 */
function isPart(some, all) {
  const known = new Set(all);
  return some.every((certificate) => known.has(certificate));
}

/** @type {number | undefined} */
let level;

/**
 * The default security level of the OpenSSL of this Node: 1 or 2.
 *
 * @returns {number}
 */
function securityLevel() {
  if (level === undefined) {
    try {
      createSecureContext({ ca: [], cert: WEAK_CERTIFICATE });
      level = 1;
    } catch {
      level = 2;
    }
  }
  return level;
}

/**
 * Whether the OpenSSL of this Node is older than a version.
 *
 * @param {number} major
 * @param {number} minor
 * @returns {boolean}
 */
function isBefore(major, minor) {
  const [ownMajor, ownMinor] = process.versions.openssl.split('.').map(Number);
  return ownMajor < major || ownMajor === major && ownMinor < minor;
}

/** The text that Node.js 24 and newer append to some errors of verification. */
const hint = Number(process.versions.node.split('.')[0]) < 24
  ? '' : '; if the root CA is installed locally, try running Node.js with --use-system-ca';
const HINTED = ['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'];

/**
 * The message and code of Node's error for a failure of TLS.
 *
 * @param {string} text of OpenSSL
 * @param {string | undefined} code
 * @returns {{ message: string, code: string | undefined }}
 */
function inWordsOfNode(text, code) {
  if (code !== undefined && HINTED.includes(code)) return { message: text + hint, code };
  if (code !== 'ERR_SSL') return { message: text, code };
  // Before OpenSSL 3.2, the texts of alerts that SSL 3.0 has named that version.
  const message = isBefore(3, 2) ? text.replaceAll('ssl/tls alert', 'sslv3 alert') : text;
  const [, , , , , reason = ''] = message.split(':');
  return { message, code: `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}` };
}

module.exports = { defaultRoots, securityLevel, isBefore, inWordsOfNode };
