'use strict';

/**
 * @import { ByteStream, ClientFields, ProxyWay } from '../../contracts'
 * @import Proxy from '../../driver/proxy'
 */

const { AsyncResource } = require('async_hooks');
const { inherits } = require('util');

const API = require('./api');
const { checkBinaryType } = require('./binary_type');
const ClientDriver = require('../../driver/client');
const { takeDialled } = require('../../socket/takeover');
const { dial, secure, proxyOrigin, copyNet, copyTLS } = require('../../dial');
const headerLine = require('../../header_line');
const validateOptions = require('../../options');
const { NAMES: LIMITS, peerLimits } = require('../../peer_limits');
const { setTimeLimit } = require('../../time_limit');

const OPTIONS = [
  'headers', 'extensions', 'maxLength', 'ping', 'proxy', 'tls', 'ca', 'net', 'handshakeTimeout', 'requireProtocol',
  'deflate', 'nativeDeflate', 'kernelSocket', 'signal', 'binaryType', ...LIMITS,
];

/** Time, in seconds, from the constructor to the open connection; by default. */
const HANDSHAKE_TIMEOUT = 30;

/**
 * A client of the server at `url`.
 *
 * @this {import('../../contracts').ClientFields}
 * @param {string | URL} url `ws:`, `wss:` or `ws+unix:`
 * @param {string | string[] | null} [protocols] the subprotocols to offer
 * @param {import('../../../index').ClientOptions} [options]
 * @throws {TypeError | RangeError | Error} for a URL or options that are unknown, of another type or out of range
 */
function Client(url, protocols, options) {
  options = options || {};
  // Options are checked before a socket is opened: a constructor that throws must leave none behind.
  validateOptions(options, OPTIONS);
  const timeout = handshakeTimeout(options.handshakeTimeout);
  const signal = abortSignal(options.signal);
  const limits = peerLimits(options);
  if (options.binaryType !== undefined && options.binaryType !== null) checkBinaryType(options.binaryType);

  this.url = url;
  this._driver = new ClientDriver(url, {
    maxLength: options.maxLength, protocols, requireProtocol: options.requireProtocol, forbidMasking: true,
    nativeDeflate: options.nativeDeflate,
  });
  this._configureDriver(options);
  this._driver._onResponse = () => {
    this.headers = this._driver.headers;
    this.statusCode = this._driver.statusCode;
  };

  const { _uri: server, _socketPath: socketPath } = this._driver;
  const proxy = readProxy(options.proxy);
  if (proxy && socketPath) throw new TypeError('A proxy cannot reach a Unix socket');
  // Copies, as our changes of `tls` must not affect other connections that are made with the same object.
  const originTLS = copyTLS(options.tls);
  originTLS.ca = originTLS.ca || options.ca;
  this._net = copyNet(options.net);
  this._onSettled = [];

  const { kernelSocket } = options;
  const { stream, tunnel, reason } = dial(server, { socketPath, tls: originTLS, net: this._net, proxy, kernelSocket });
  this._stream = stream;
  this._dialledBecause = reason;
  if (tunnel && options.proxy) this._configureProxy(options.proxy, tunnel.tls);

  API.call(this, options, limits);
  this._configureStream();

  stream.once(stream.encrypted && stream.getPeerCertificate ? 'secureConnect' : 'connect', () => this._onConnect());
  const first = this._proxy || this._driver.io;
  first.pipe(stream, { end: !this._proxy });
  stream.pipe(/** @type {any} */ (first));

  if (timeout > 0) armHandshakeTimeout(this, timeout);
  if (signal) obey(this, signal);
}
inherits(Client, API);
API.nameStates(Client);

// Not enumerable: the original has none of them.
Object.defineProperties(Client.prototype, {
  /** 'native', or 'node' where Node's own `net` and `tls` have dialled. */
  dialled: {
    /** @this {import('../../contracts').ClientFields} */
    get() {
      return this._dialledBecause === null ? 'native' : 'node';
    },
    configurable: true,
  },
  /** Why Node has dialled, as a text for people; null where the connection was dialled natively. */
  dialledBecause: {
    /** @this {import('../../contracts').ClientFields} */
    get() {
      return this._dialledBecause;
    },
    configurable: true,
  },
  _dialledBecause: { value: null, writable: true, configurable: true },
  _role: { value: 'client', writable: true, configurable: true },
});

/** @this {import('../../contracts').ClientFields} */
Client.prototype._onConnect = function () {
  (this._proxy || this._driver).start();
  takeDialled(this._driver, this._stream);
};

/** @this {import('../../contracts').ClientFields} */
Client.prototype._open = function () {
  this._settle();
  API.prototype._open.call(this);
};

/** @this {import('../../contracts').ClientFields} */
Client.prototype._finalizeClose = function () {
  this._settle();
  API.prototype._finalizeClose.call(this);
};

/** The attempt to connect has succeeded or failed. Not enumerable: the original has no such method. */
Object.defineProperty(Client.prototype, '_settle', {
  /** @this {import('../../contracts').ClientFields} */
  value() {
    for (const callback of this._onSettled.splice(0)) callback();
  },
});

/** @this {import('../../contracts').ClientFields} */
Client.prototype._configureStream = function () {
  API.prototype._configureStream.call(this);
  if (this._net.noDelay === false) this._stream.setNoDelay?.(false);
};

/**
 * Opens a tunnel through a proxy, over a socket that Node has dialled.
 *
 * @this {import('../../contracts').ClientFields}
 * @param {import('../../../index').ProxyOptions} proxy
 * @param {import('tls').ConnectionOptions | undefined} originTLS options for TLS with the server; undefined without TLS
 */
Client.prototype._configureProxy = function (proxy, originTLS) {
  /** @type {Proxy} */
  const way = this._driver.proxy(/** @type {string} */ (proxy.origin));
  this._proxy = way;
  for (const name in proxy.headers) way.setHeader(name, proxy.headers[name]);

  way.on('connect', () => {
    const { _stream: socket } = this;
    const { rest } = way;
    socket.unpipe();
    if (rest !== undefined && rest.length > 0) socket.unshift(rest);
    if (originTLS) {
      try {
        this._stream = secure(socket, this._driver._uri, originTLS);
      } catch (/** @type {any} */ error) {
        socket.destroy(error);
        return;
      }
      this._configureStream();
    }
    this._driver.io.pipe(this._stream);
    this._stream.pipe(/** @type {any} */ (this._driver.io));
    this._driver.start();
  });

  way.on('error', (error) => this._fail(error.message));
};

/**
 * @param {import('../../../index').ProxyOptions | null | undefined} proxy
 * @returns {ProxyWay | undefined}
 * @throws {TypeError} for an invalid URL, or a header with CR, LF or NUL
 */
function readProxy(proxy) {
  if (!proxy || !proxy.origin) return undefined;
  const headers = [];
  for (const name in proxy.headers) headers.push(...(headerLine(name, proxy.headers[name]) || []));
  return { origin: proxyOrigin(proxy.origin), headers, tls: copyTLS(proxy.tls) };
}

/**
 * @param {unknown} seconds
 * @returns {number}
 * @throws {TypeError}
 */
function handshakeTimeout(seconds) {
  if (seconds === undefined || seconds === null) return HANDSHAKE_TIMEOUT;
  if (typeof seconds !== 'number' || !(seconds >= 0)) {
    throw new TypeError('handshakeTimeout must be a number of seconds, 0 for none');
  }
  return seconds;
}

/**
 * @param {ClientFields} client
 * @param {number} seconds
 */
function armHandshakeTimeout(client, seconds) {
  /** @type {NodeJS.Timeout | null} */
  let timer = null;
  const expire = () => timer !== null && client._fail('Opening handshake timed out');
  setTimeLimit(seconds * 1000, expire, (next) => { timer = next; });
  client._onSettled.push(() => {
    clearTimeout(/** @type {NodeJS.Timeout} */ (timer));
    timer = null;
  });
}

/**
 * @param {any} signal
 * @returns {AbortSignal | null}
 * @throws {TypeError}
 */
function abortSignal(signal) {
  if (signal === undefined || signal === null) return null;
  if (typeof signal.aborted !== 'boolean' || typeof signal.addEventListener !== 'function') {
    throw new TypeError('signal must be an AbortSignal');
  }
  return signal;
}

/**
 * Fails the client when `signal` is aborted before the connection is open.
 *
 * @param {ClientFields} client
 * @param {AbortSignal} signal
 */
function obey(client, signal) {
  // Listeners run in the async context of the client, not in that of the caller of `abort`.
  const abort = AsyncResource.bind(() => client._fail('The operation was aborted'));
  if (signal.aborted) {
    process.nextTick(abort);
    client._stream.destroy();
    return;
  }
  signal.addEventListener('abort', abort, { once: true });
  client._onSettled.push(() => signal.removeEventListener('abort', abort));
}

module.exports = Client;
