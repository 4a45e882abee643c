'use strict';

/**
 * Functions of Node that every connection through Node passes. Guards against requests to internal
 * addresses, tracing agents and mocks stand before them, and a native connection would not pass those:
 * while one of the functions is not Node's own, Node has to dial.
 */
const dns = require('dns');
const net = require('net');
const tls = require('tls');

/**
 * Owner, name, and words that only Node's own function has in its source: names of bindings inside
 * Node, which a function in front of it has no reason to use. Each word is in Node.js 18 to 26.
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
 * Whether a function is Node's own. One that was bound or that is a proxy does not show its source.
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
  // TLS sockets connect as others do, unless they are given a way of their own.
  if (isSecure && tls.TLSSocket.prototype.connect !== net.Socket.prototype.connect) return 'tls.TLSSocket.prototype.connect';
  return null;
}

module.exports = replacedFunction;
