'use strict';

const net = require('net');
const tls = require('tls');

const API = require('./api');
const ClientDriver = require('../../driver/client');
const validateOptions = require('../../options');
const { parseUrl, hostname } = require('../../url');

const OPTIONS = [
  'headers', 'extensions', 'maxLength', 'ping', 'proxy', 'tls', 'ca', 'net', 'handshakeTimeout', 'requireProtocol',
];
const PORTS = { 'http:': 80, 'https:': 443, 'ws:': 80, 'wss:': 443 };
const SECURE = ['https:', 'wss:'];

/** Time, in seconds, from the call to the open connection. */
const HANDSHAKE_TIMEOUT = 30;

/** A client of the server at `url`. */
function Client(url, protocols, options) {
  options = options || {};
  validateOptions(options, OPTIONS);
  const timeout = handshakeTimeout(options.handshakeTimeout);

  this.url = url;
  this._driver = new ClientDriver(url, {
    maxLength: options.maxLength, protocols, requireProtocol: options.requireProtocol, forbidMasking: true,
  });
  for (const name in options.headers) this._driver.setHeader(name, options.headers[name]);
  if (options.extensions) {
    for (const extension of [].concat(options.extensions)) this._driver.addExtension(extension);
  }
  this._driver._onResponse = () => {
    this.headers = this._driver.headers;
    this.statusCode = this._driver.statusCode;
  };

  const proxy = options.proxy || {};
  const originTLS = { ...options.tls };
  originTLS.ca = originTLS.ca || options.ca;
  const endpoint = proxy.origin ? parseUrl(proxy.origin) : this._driver._uri;
  if (endpoint === null) throw new TypeError(`${proxy.origin} is not a valid proxy URL`);
  if (proxy.origin) this._configureProxy(proxy, originTLS);

  const socketOptions = {
    ...(SECURE.includes(endpoint.protocol) ? (proxy.origin ? proxy.tls : originTLS) : options.net),
    host: hostname(endpoint),
    port: endpoint.port || PORTS[endpoint.protocol],
  };
  const onConnect = () => this._onConnect();
  this._stream = SECURE.includes(endpoint.protocol)
    ? tls.connect(withServername(socketOptions, hostname(endpoint)), onConnect)
    : net.connect(socketOptions, onConnect);

  API.call(this, options);
  this._configureStream();

  const first = this._proxy || this._driver.io;
  first.pipe(this._stream, { end: !this._proxy });
  this._stream.pipe(first);

  if (timeout > 0) armHandshakeTimeout(this, timeout);
}
Client.super_ = API;
Object.setPrototypeOf(Client.prototype, API.prototype);

Client.prototype._onConnect = function () {
  (this._proxy || this._driver).start();
};

Client.prototype._configureProxy = function (proxy, originTLS) {
  this._proxy = this._driver.proxy(proxy.origin);
  for (const name in proxy.headers) this._proxy.setHeader(name, proxy.headers[name]);

  this._proxy.on('connect', (event, rest) => {
    const socket = this._stream;
    if (rest.length > 0) socket.unshift(rest);
    if (SECURE.includes(this._driver._uri.protocol)) {
      socket.unpipe();
      this._stream = tls.connect(withServername({ ...originTLS, socket }, hostname(this._driver._uri)));
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

/** SNI carries names only: an address is verified all the same, but never sent. */
function withServername(options, host) {
  if (options.servername || net.isIP(host)) return options;
  return { ...options, servername: host };
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
  }, Math.min(seconds * 1000, 0x7fffffff));
  const clear = () => clearTimeout(timer);
  client._driver.once('open', clear);
  client._stream.once('close', clear);
}

module.exports = Client;
