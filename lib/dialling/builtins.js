'use strict';

/**
 * Functions of Node that are called for every connection through Node. Programs replace them: to prevent requests to
 * internal addresses, to trace, to mock. A native connection would not call the replacement, so that Node has to dial while
 * one of them is replaced.
 */
const dns = require('dns');
const net = require('net');
const tls = require('tls');

/**
 * Owner, name, and a pattern that only the source of Node's own function matches: names of Node's internals, which a
 * replacement has no reason to use. Each pattern matches in Node.js 18 to 26.
 *
 * @type {[place: string, owner: any, name: string, pattern: RegExp][]}
 */
const FUNCTIONS = [
  ['net', net, 'connect', /\bnormalizeArgs\(args\)/],
  ['net', net, 'createConnection', /\bnormalizeArgs\(args\)/],
  ['net', net, 'Socket', /\bERR_INVALID_ARG_VALUE\b[^]*\b(initSocketHandle|kHandle|kBytesRead)\b/],
  ['net.Socket.prototype', net.Socket.prototype, 'connect', /\bnormalizedArgsSymbol\b/],
  ['dns', dns, 'lookup', /\bGetAddrInfoReqWrap\b/],
  ['tls', tls, 'connect', /\bgetAllowUnauthorized\(\)[^]*\bkConnectOptions\b/],
  ['tls', tls, 'TLSSocket', /\btlsTracingWarned\b/],
  ['tls', tls, 'createSecureContext', /\bconfigSecureContext\(/],
  ['tls', tls, 'checkServerIdentity', /\bERR_TLS_CERT_ALTNAME_INVALID\b/],
];

const entries = FUNCTIONS.map(([place, owner, name, pattern]) => {
  const value = owner[name];
  return { label: `${place}.${name}`, owner, name, value, isOwn: isOwn(value, pattern), isTLS: place === 'tls' };
});

/**
 * Whether a function is Node's own. Of a bound function or a Proxy, the source is not visible, and so it is not.
 *
 * @param {unknown} value
 * @param {RegExp} pattern
 * @returns {boolean}
 */
function isOwn(value, pattern) {
  return typeof value === 'function' && pattern.test(Function.prototype.toString.call(value));
}

/**
 * The name of a function that is not Node's own, or that has changed since this file was loaded.
 *
 * @param {boolean} isSecure whether the functions of `tls` are used
 * @returns {string | null}
 */
function replacedFunction(isSecure) {
  for (const { label, owner, name, value, isOwn: was, isTLS } of entries) {
    if ((isSecure || !isTLS) && (!was || owner[name] !== value)) return label;
  }
  // A TLSSocket inherits `connect`, unless a method of its own was added.
  if (isSecure && tls.TLSSocket.prototype.connect !== net.Socket.prototype.connect) return 'tls.TLSSocket.prototype.connect';
  return null;
}

module.exports = replacedFunction;
