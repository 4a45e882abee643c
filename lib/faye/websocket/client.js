'use strict';

const { inherits } = require('util');

const API = require('./api');
const ClientDriver = require('../../driver/client');
const { dial, secure, isSecure, proxyOrigin } = require('../../dial');
const headerLine = require('../../header_line');
const validateOptions = require('../../options');

const OPTIONS = [
  'headers', 'extensions', 'maxLength', 'ping', 'proxy', 'tls', 'ca', 'net', 'handshakeTimeout', 'requireProtocol',
  'deflate', 'nativeDeflate',
];

/** Time, in seconds, from the call to the open connection. */
const HANDSHAKE_TIMEOUT = 30;

/** Longest time, in milliseconds, that a timer can wait. */
const LONGEST_TIMEOUT = 0x7fffffff;

/** A client of the server at `url`. */
function Client(url, protocols, options) {
  options = options || {};
  // All of it before anything is opened: a constructor that throws must leave no socket behind.
  validateOptions(options, OPTIONS);
  const timeout = handshakeTimeout(options.handshakeTimeout);

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

  const server = this._driver._uri;
  // Copies: what `tls.connect` adds must not reach the next connection made with the same object.
  const originTLS = { ...options.tls };
  originTLS.ca = originTLS.ca || options.ca;
  const proxy = readProxy(options.proxy);

  const { stream, needsTunnel } = dial(server, { tls: originTLS, net: options.net, proxy });
  this._stream = stream;
  if (needsTunnel) this._configureProxy(options.proxy, originTLS);

  API.call(this, options);
  this._configureStream();

  stream.once(stream.encrypted && stream.getPeerCertificate ? 'secureConnect' : 'connect', () => this._onConnect());
  const first = this._proxy || this._driver.io;
  first.pipe(stream, { end: !this._proxy });
  stream.pipe(first);

  if (timeout > 0) armHandshakeTimeout(this, timeout);
}
inherits(Client, API);
API.nameStates(Client);

Client.prototype._onConnect = function () {
  (this._proxy || this._driver).start();
};

/** Opens the tunnel ourselves, over a socket of Node's. */
Client.prototype._configureProxy = function (proxy, originTLS) {
  const server = this._driver._uri;
  this._proxy = this._driver.proxy(proxy.origin);
  for (const name in proxy.headers) this._proxy.setHeader(name, proxy.headers[name]);

  this._proxy.on('connect', () => {
    const { _stream: socket, _proxy: { rest } } = this;
    socket.unpipe();
    if (rest.length > 0) socket.unshift(rest);
    if (isSecure(server)) {
      this._stream = secure(socket, server, originTLS);
      this._configureStream();
    }
    this._driver.io.pipe(this._stream);
    this._stream.pipe(this._driver.io);
    this._driver.start();
  });

  this._proxy.on('error', (error) => {
    this._emitError(error.message);
    this._beginClose('', 1006);
  });
};

function readProxy(proxy) {
  if (!proxy || !proxy.origin) return undefined;
  const headers = [];
  for (const name in proxy.headers) headers.push(...(headerLine(name, proxy.headers[name]) || []));
  return { origin: proxyOrigin(proxy.origin), headers, tls: proxy.tls };
}

function handshakeTimeout(seconds) {
  if (seconds === undefined || seconds === null) return HANDSHAKE_TIMEOUT;
  if (typeof seconds !== 'number' || !(seconds >= 0)) {
    throw new TypeError('handshakeTimeout must be a number of seconds, 0 for none');
  }
  return seconds;
}

function armHandshakeTimeout(client, seconds) {
  const timer = setTimeout(() => {
    client._emitError('Opening handshake timed out');
    client._beginClose('', 1006);
  }, Math.min(seconds * 1000, LONGEST_TIMEOUT));
  const clear = () => clearTimeout(timer);
  client._driver.once('open', clear);
  client.once('close', clear);
}

module.exports = Client;
