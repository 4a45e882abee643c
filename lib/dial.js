'use strict';

const net = require('net');
const tls = require('tls');

const NativeSocket = require('./native_socket');
const { isHonoured } = require('./native_tls');
const { parseUrl, hostname, authorization } = require('./url');

const PORTS = { 'http:': 80, 'https:': 443, 'ws:': 80, 'wss:': 443 };
const SECURE = ['https:', 'wss:'];

/** Options of `net.connect` that mean nothing here, because the URL decides, or that are honoured. */
const HONOURED_NET = new Set(['host', 'port', 'highWaterMark']);

function portOf({ port, protocol }) {
  return port || PORTS[protocol];
}

function isSecure({ protocol }) {
  return SECURE.includes(protocol);
}

/** SNI carries names only: an address is verified all the same, but never sent. */
function withServername(options, host) {
  if (options.servername || net.isIP(host)) return options;
  return { ...options, servername: host };
}

function hasOnly(options, names) {
  for (const name in options) if (options[name] !== undefined && !names.has(name)) return false;
  return true;
}

/**
 * Begins a connection to `server`: natively if every option can be honoured there, through Node's
 * own `net` and `tls` if not. The stream emits 'connect' when the server can be spoken to.
 *
 * @param {URL} server
 * @param {{ tls: object, net?: object, proxy?: { origin: URL, headers: string[], tls?: object } }} options
 * @returns {{ stream: import('stream').Duplex, needsTunnel: boolean }} `needsTunnel`: the stream
 *   leads to the proxy only, and CONNECT is still to be sent
 */
function dial(server, { tls: serverTLS, net: netOptions, proxy }) {
  const proxyTLS = proxy && isSecure(proxy.origin) ? proxy.tls || {} : undefined;
  const native = hasOnly(netOptions, HONOURED_NET) &&
    (!isSecure(server) || isHonoured(serverTLS)) && (!proxyTLS || isHonoured(proxyTLS));
  if (native) {
    const stream = new NativeSocket({
      ...netOptions,
      host: hostname(server),
      port: portOf(server),
      tls: isSecure(server) ? serverTLS : undefined,
      proxy: proxy && {
        host: hostname(proxy.origin),
        port: portOf(proxy.origin),
        tls: proxyTLS,
        serverHost: server.host,
        url: server.href,
        authorization: authorization(proxy.origin),
        headers: proxy.headers,
      },
    });
    return { stream, needsTunnel: false };
  }

  const endpoint = proxy ? proxy.origin : server;
  const address = { host: hostname(endpoint), port: portOf(endpoint) };
  if (!isSecure(endpoint)) return { stream: net.connect({ ...netOptions, ...address }), needsTunnel: Boolean(proxy) };
  const options = { ...(proxy ? proxyTLS : serverTLS), ...address };
  return { stream: tls.connect(withServername(options, address.host)), needsTunnel: Boolean(proxy) };
}

/** TLS to `server` inside a tunnel that is already open. */
function secure(stream, server, options) {
  return tls.connect(withServername({ ...options, socket: stream }, hostname(server)));
}

/** A proxy's address. Throws a TypeError for what is none. */
function proxyOrigin(origin) {
  const url = parseUrl(origin);
  if (url === null) throw new TypeError(`${origin} is not a valid proxy URL`);
  if (!portOf(url)) throw new TypeError(`${origin} names neither a known scheme nor a port`);
  return url;
}

module.exports = { dial, secure, isSecure, proxyOrigin };
