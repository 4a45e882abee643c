'use strict';

/**
 * @import { ConnectionOptions } from 'tls'
 * @import { NetConnectOpts } from 'net'
 * @import { ByteStream, ProxyWay } from './contracts'
 * @import { TlsConnector } from './native'
 */

const net = require('net');
const tls = require('tls');

const DialledSocket = require('./socket/dialled');
const { connectorFor } = require('./native_tls');
const reasonForNode = require('./dialling/decision');
const { parseUrl, portOf, hostname, authorization } = require('./url');

const SECURE = ['https:', 'wss:'];

/** Options of `net.connect` for a socket that other code reads, or that is not dialled. */
const UNSUPPORTED_NET = [
  'allowHalfOpen', 'fd', 'handle', 'manualStart', 'onread', 'pauseOnCreate', 'readable', 'timeout', 'writable',
];

/**
 * Whether TLS is spoken to the host of a URL.
 *
 * @param {URL} url
 * @returns {boolean}
 */
function isSecure({ protocol }) {
  return SECURE.includes(protocol);
}

/**
 * Options with a server name for SNI (RFC 6066 section 3), unless there is one, or the host is an address: that is compared
 * with the certificate nevertheless.
 *
 * @param {any} options of `tls.connect`
 * @param {string} host
 * @returns {any}
 */
function withServername(options, host) {
  if (options.servername !== undefined || net.isIP(host)) return options;
  return { ...options, servername: host };
}

/**
 * A copy of a user's option `net`, without members that are undefined.
 *
 * @param {any} options
 * @returns {any}
 * @throws {Error} for options that a WebSocket cannot be dialled with
 * @throws {TypeError} for a `path` with NUL
 */
function copyNet(options) {
  /** @type {any} */
  const copy = {};
  for (const name in options) {
    if (options[name] === undefined) continue;
    if (UNSUPPORTED_NET.includes(name)) throw new Error(`Unsupported option: net.${name}`);
    copy[name] = options[name];
  }
  refuseNul('net.path', copy.path);
  return copy;
}

/**
 * Throws for a text with NUL, at which the C strings of the system and of OpenSSL would end.
 *
 * @param {string} name
 * @param {unknown} value
 * @throws {TypeError}
 */
function refuseNul(name, value) {
  if (typeof value === 'string' && value.includes('\0')) throw new TypeError(`${name} must not contain a NUL`);
}

/**
 * A copy of a user's option `tls`, without `host` and `port`, which are those of the URL.
 *
 * @param {any} options
 * @returns {any}
 * @throws {TypeError} for a `servername` with NUL
 */
function copyTLS(options) {
  /** @type {any} */
  const copy = {};
  for (const name in options) {
    // With an own `checkServerIdentity` that is undefined, Node throws an assertion.
    if (name !== 'host' && name !== 'port' && options[name] !== undefined) copy[name] = options[name];
  }
  // To Node, an own `rejectUnauthorized` that is undefined is true: NODE_TLS_REJECT_UNAUTHORIZED does not count then.
  if (typeof options === 'object' && options !== null && 'rejectUnauthorized' in options && options.rejectUnauthorized === undefined) copy.rejectUnauthorized = true;
  refuseNul('tls.servername', copy.servername);
  return copy;
}

/**
 * Begins a connection to `server`: natively, or through Node's own `net` and `tls`, as ./dialling/decision.js
 * has it. The stream emits 'connect' when the server can be spoken to.
 *
 * @param {URL} server
 * @param {object} options
 * @param {string} [options.socketPath] the Unix socket to find the server at
 * @param {any} options.tls a copy of the user's, for the server
 * @param {any} options.net a copy of the user's
 * @param {boolean} [options.kernelSocket] false has Node dial
 * @param {{ origin: URL, headers: string[], tls: object }} [options.proxy]
 * @returns {{ stream: import('./contracts').ByteStream, reason: string | null, tunnel?: { tls: object } }} `reason`: why
 *   Node has dialled, see ./dialling/decision.js; `tunnel`: the stream leads to the proxy only; CONNECT is still
 *   to be sent, and TLS to be made with these options
 */
function dial(server, { socketPath, tls: ownTLS, net: netOptions, proxy, kernelSocket }) {
  const serverTLS = isSecure(server) ? ownTLS : undefined;
  const proxyTLS = proxy && isSecure(proxy.origin) ? proxy.tls : undefined;
  const path = socketPath || netOptions.path;
  const layers = [serverTLS, proxyTLS].filter((options) => options !== undefined);
  let reason = reasonForNode({
    endpoint: proxy ? proxy.origin : server, path, isProxied: Boolean(proxy), net: netOptions, layers, kernelSocket,
  });
  const made = reason === null ? layers.map(connectorFor) : [];
  const connectors = made.filter((each) => each !== null);
  if (connectors.length < made.length) reason = 'certificates or keys';
  const [connector, proxyConnector] = serverTLS ? connectors : [undefined, ...connectors];
  const dialled = reason === null
    ? { stream: dialNatively(server, path, { serverTLS, connector, proxy, proxyTLS, proxyConnector }, netOptions) }
    : dialThroughNode(server, path, serverTLS, proxy, proxyTLS, netOptions);
  const { keepAlive, keepAliveInitialDelay } = netOptions;
  // Set here, as `tls.connect` ignores these options; when connected, as the delay would have no effect before.
  if (keepAlive) dialled.stream.once('connect', () => dialled.stream.setKeepAlive(true, keepAliveInitialDelay));
  return { ...dialled, reason };
}

/**
 * @param {URL} server
 * @param {string | undefined} path Unix socket
 * @param {{ serverTLS?: any, connector?: TlsConnector, proxy?: ProxyWay, proxyTLS?: any, proxyConnector?: TlsConnector }}
 *   way
 * @param {any} netOptions
 * @returns {DialledSocket}
 */
function dialNatively(server, path, { serverTLS, connector, proxy, proxyTLS, proxyConnector }, { highWaterMark }) {
  return new DialledSocket({
    highWaterMark,
    host: hostname(server),
    port: portOf(server),
    path,
    tls: serverTLS,
    connector,
    proxy: proxy && {
      host: hostname(proxy.origin),
      port: portOf(proxy.origin),
      tls: proxyTLS,
      connector: proxyConnector,
      serverHost: server.host,
      url: server.href,
      authorization: authorization(proxy.origin),
      headers: proxy.headers,
    },
  });
}

/**
 * @param {URL} server
 * @param {string | undefined} path Unix socket
 * @param {any} serverTLS
 * @param {ProxyWay | undefined} proxy
 * @param {any} proxyTLS
 * @param {any} netOptions
 * @returns {{ stream: any, tunnel?: { tls: any } }}
 */
function dialThroughNode(server, path, serverTLS, proxy, proxyTLS, netOptions) {
  // Made now, and not when the proxy has responded, so that errors in the options are thrown at the call.
  const tunnel = proxy && { tls: serverTLS && withContext(serverTLS) };
  const endpoint = proxy ? proxy.origin : server;
  /** @type {{ host: string, port: any, path?: string }} */
  const address = { host: hostname(endpoint), port: portOf(endpoint) };
  if (path) address.path = path;
  if (!isSecure(endpoint)) return { stream: net.connect({ ...netOptions, ...address }), tunnel };
  const options = { ...netOptions, ...(proxy ? proxyTLS : serverTLS), ...address };
  return { stream: tls.connect(withServername(options, address.host)), tunnel };
}

/**
 * @param {any} options of `tls.connect`
 * @returns {any}
 */
function withContext(options) {
  return { ...options, secureContext: options.secureContext || tls.createSecureContext(options) };
}

/**
 * Makes TLS with `server`, inside a tunnel that is open.
 *
 * @param {ByteStream} stream to the proxy
 * @param {URL} server
 * @param {any} options of `tls.connect`
 * @returns {import('tls').TLSSocket}
 */
function secure(stream, server, options) {
  // With `host`, as the certificate of an address would be compared with the name of the proxy otherwise.
  const host = hostname(server);
  return tls.connect(withServername({ ...options, socket: stream, host }, host));
}

/**
 * A proxy's address.
 *
 * @param {string | URL} origin
 * @returns {URL}
 * @throws {TypeError} for an invalid URL
 */
function proxyOrigin(origin) {
  const url = parseUrl(origin);
  if (url === null) throw new TypeError(`${origin} is not a valid proxy URL`);
  if (!portOf(url)) throw new TypeError(`${origin} names neither a known scheme nor a port`);
  return url;
}

module.exports = { dial, secure, isSecure, proxyOrigin, copyNet, copyTLS };
