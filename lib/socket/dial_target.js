'use strict';

/** @import { SocketTarget, TlsConnector } from '../native' */

const { connectorFor } = require('../native_tls');

/**
 * @typedef {object} DialOptions
 * @property {string} [host] name or address, IPv6 without brackets
 * @property {number | string} [port]
 * @property {string} [path] Unix socket to connect to; `host` is only the name for TLS then
 * @property {object} [tls] as for `tls.connect`, if `connectorFor` in ../native_tls.js can honour it
 * @property {TlsConnector} [connector] made of `tls` by `connectorFor`
 * @property {DialProxy} [proxy] the HTTP proxy to go through
 * @property {number} [timeout] milliseconds until 'connect'; 0, the default, for any
 * @property {number} [highWaterMark] as for every Duplex, in bytes
 */

/**
 * @typedef {object} DialProxy
 * @property {string} host
 * @property {number | string} [port]
 * @property {object} [tls] as for `tls.connect`
 * @property {TlsConnector} [connector]
 * @property {string} serverHost value of Host
 * @property {string} url of the server, for the errors of the proxy
 * @property {string} [authorization] a header value
 * @property {string[]} [headers] names and values in turn
 */

/**
 * The argument of `native.Dialler` that says what to connect to.
 *
 * @param {DialOptions} options
 * @returns {SocketTarget}
 */
function targetOf({ host, port, path, tls: own, proxy, timeout }) {
  const name = host || 'localhost';
  const servername = nameOf(own, name);
  if (path) return { path, timeout, servername };
  /** @type {SocketTarget} */
  const target = { host: name, port: portOf(port), timeout, servername };
  if (proxy) {
    const { serverHost, url, authorization, headers = [] } = proxy;
    target.proxy = { host: proxy.host, port: portOf(proxy.port), serverHost, url, authorization, headers };
    target.proxy.servername = nameOf(proxy.tls, proxy.host);
  }
  return target;
}

/**
 * The connector of a layer of TLS; undefined without TLS.
 *
 * @param {{ tls?: object, connector?: TlsConnector }} layer
 * @returns {TlsConnector | undefined}
 * @throws {Error} where only a socket of Node's can honour the options
 */
function connectorOf({ tls: options, connector }) {
  if (!options) return undefined;
  const made = connector || connectorFor(options);
  if (made === null) throw new Error('These TLS options need a socket of Node');
  return made;
}

/**
 * @param {unknown} port as of a URL or an option
 * @returns {number}
 * @throws {RangeError} with the code `ERR_SOCKET_BAD_PORT`
 */
function portOf(port) {
  const number = typeof port === 'string' && port.trim() === '' ? NaN : Number(port);
  if (Number.isInteger(number) && number >= 0 && number <= 65535) return number;
  const error = /** @type {import('../contracts').SystemError} */ (
    new RangeError(`Port should be >= 0 and < 65536. Received ${port}.`));
  error.code = 'ERR_SOCKET_BAD_PORT';
  throw error;
}

/**
 * The server name for TLS.
 *
 * @param {{ servername?: string } | undefined} options
 * @param {string} host
 * @returns {string}
 */
function nameOf(options, host) {
  return (options && options.servername) || host;
}

module.exports = { targetOf, connectorOf };
