'use strict';

// A fresh self-signed certificate, made without any tool: certificates checked
// into a repository expire. X.509 v3 (RFC 5280), P-256, SHA-256.

const crypto = require('node:crypto');
const net = require('node:net');

function der(tag, ...parts) {
  const body = Buffer.concat(parts);
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const sequence = (...parts) => der(0x30, ...parts);
const octets = (bytes) => der(0x04, bytes);
const oid = (hex) => der(0x06, Buffer.from(hex, 'hex'));

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));
const COMMON_NAME = oid('550403');
const SUBJECT_ALT_NAME = oid('551d11');
const BASIC_CONSTRAINTS = oid('551d13');
const EXTENDED_KEY_USAGE = oid('551d25');
const SERVER_AUTH = oid('2b06010505070301');
const TRUE = der(0x01, Buffer.from([0xff]));

// UTCTime, YYMMDDHHMMSSZ: the form to use until 2049 (RFC 5280 4.1.2.5).
function time(date) {
  return der(0x17, Buffer.from(date.toISOString().slice(2).replace(/[-:T]/g, '').replace(/\..*/, 'Z')));
}

function address(ip) {
  if (net.isIPv4(ip)) return Buffer.from(ip.split('.').map(Number));
  if (ip === '::1') return Buffer.from('00000000000000000000000000000001', 'hex');
  throw new Error(`no encoding for ${ip}`);
}

/**
 * @param {object} [options]
 * @param {string[]} [options.names] host names and addresses; the first is the common name
 * @param {Date} [options.from] default: a day ago
 * @param {Date} [options.to] default: in a year
 * @returns {{key: string, cert: string}} PEM
 */
function certificate(options = {}) {
  const day = 24 * 3600 * 1000;
  const {
    names = ['localhost', '127.0.0.1', '::1'],
    from = new Date(Date.now() - day),
    to = new Date(Date.now() + 365 * day)
  } = options;
  const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const name = sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(names[0])))));
  const serial = crypto.randomBytes(16);
  serial[0] = (serial[0] & 0x7f) | 0x01; // a positive integer
  const alternatives = sequence(
    ...names.map((each) => (net.isIP(each) ? der(0x87, address(each)) : der(0x82, Buffer.from(each))))
  );
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ECDSA_WITH_SHA256,
    name,
    sequence(time(from), time(to)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(
      sequence(BASIC_CONSTRAINTS, TRUE, octets(sequence(TRUE))),
      sequence(EXTENDED_KEY_USAGE, octets(sequence(SERVER_AUTH))),
      sequence(SUBJECT_ALT_NAME, octets(alternatives))
    ))
  );
  const signature = crypto.sign('sha256', body, privateKey);
  const whole = sequence(body, ECDSA_WITH_SHA256, der(0x03, Buffer.from([0]), signature));
  const base64 = whole.toString('base64').replace(/.{1,64}/g, '$&\n');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: `-----BEGIN CERTIFICATE-----\n${base64}-----END CERTIFICATE-----\n`
  };
}

module.exports = { certificate };
