'use strict';

const { inherits } = require('util');

const API = require('./websocket/api');
const watchTransfer = require('../socket/handle_transfer');
const { couple } = require('../driver/socket_pipe');
const releaseOnGc = require('../driver/release_on_gc');
const { http, isWebSocket } = require('../driver/http');
const { enlist } = require('../driver/open_drivers');
const { hasHandle } = require('../socket/node_internals');
const { takeSocket, settleSocket } = require('../socket/takeover');
const native = require('../native_binding');
const validateOptions = require('../options');
const { checkBinaryType } = require('./websocket/binary_type');
const { publish } = require('./websocket/topics');
const { isHttp2 } = require('../http2/request');
const { makeSocket, unansweredStream, whenReset } = require('../http2/stream');
const { NAMES: LIMITS, peerLimits } = require('../peer_limits');

const OPTIONS = [
  'headers', 'extensions', 'maxLength', 'ping', 'proxy', 'tls', 'ca', 'allowDrafts', 'deflate', 'nativeDeflate',
  'kernelSocket', 'binaryType', ...LIMITS,
];

/** Options of the last driver: most connections have the same, and share the object. */
let last = /** @type {import('../contracts').DriverOptions} */ ({});

/**
 * @param {import('../../index').Options} options
 * @param {string | string[] | null} [protocols]
 * @returns {import('../contracts').DriverOptions}
 */
function driverOptions({ maxLength, allowDrafts, nativeDeflate }, protocols) {
  const isLast = last.requireMasking && last.maxLength === maxLength && last.allowDrafts === allowDrafts &&
    last.nativeDeflate === nativeDeflate && areEqual(last.protocols, protocols);
  if (!isLast) last = { requireMasking: true, maxLength, protocols, allowDrafts, nativeDeflate };
  return last;
}

/**
 * @param {unknown} one
 * @param {unknown} other
 * @returns {boolean}
 */
function areEqual(one, other) {
  return one === other || Array.isArray(one) && Array.isArray(other) && one.length === other.length &&
    one.every((protocol, i) => protocol === other[i]);
}

/**
 * The server's end of a WebSocket, made of the arguments of Node's event 'upgrade', or of 'stream' or 'connect' of an
 * HTTP/2 server.
 *
 * @this {import('../contracts').WebSocketFields}
 * @param {import('http').IncomingMessage} request
 * @param {import('../contracts').ByteStream} socket
 * @param {Buffer} [body] bytes that came behind the request's head: `head` of the event
 * @param {string | string[] | null} [protocols] the subprotocols to choose from
 * @param {import('../../index').Options} [options]
 * @throws {TypeError | RangeError | Error} for options that are unknown, of another type or out of range; for a request
 *   over HTTP/2 that has been answered, or without its stream
 */
function WebSocket(request, socket, body, protocols, options) {
  options = options || {};
  validateOptions(options, OPTIONS);
  const limits = peerLimits(options);
  if (options.binaryType !== undefined && options.binaryType !== null) checkBinaryType(options.binaryType);
  if (isHttp2(request)) socket = /** @type {any} */ (unansweredStream(socket));

  this._stream = socket;
  this._driver = http(request, driverOptions(options, protocols), socket);
  if (!hasHandle(socket)) releaseOnGc(this._driver);
  try {
    this._configureDriver(options);
  } catch (error) {
    this._driver._release();
    throw error;
  }
  API.call(this, options, limits);

  if (!socket || !socket.writable) {
    // The socket is closed already: 'close' is emitted when the caller has added its listeners.
    this.readyState = API.CLOSED;
    process.nextTick(() => {
      this.readyState = API.CLOSING;
      this._finalizeClose();
    });
    return;
  }
  const { isOverHttp2 } = this._driver;
  if (isOverHttp2) makeSocket(/** @type {any} */ (socket));
  this._configureStream();
  if (!socket.readable) {
    // The peer has ended its stream already: there is nobody to answer.
    process.nextTick(() => this._finalizeClose());
    return;
  }

  couple(socket, this._driver);
  enlist(this._driver, socket);
  if (this._liveness !== null) this._liveness.begin();
  if (isOverHttp2) whenReset(/** @type {any} */ (socket), (text) => this._failStream(text));
  else watchTransfer(socket);

  process.nextTick(begin, this, body, options.kernelSocket !== false);
}

/**
 * Answers the request, in the tick after the WebSocket was made: its user has added listeners by then.
 *
 * @param {import('../contracts').WebSocketFields} socket
 * @param {Buffer | undefined} body
 * @param {boolean} mayTake whether the socket may be read and written past its stream
 */
function begin({ _driver: driver, _stream: stream }, body, mayTake) {
  if (driver.isOverHttp2) {
    driver.start(body);
    return;
  }
  driver._handle = stream._handle ?? null;
  try {
    // The answer is written past the stream, too: it is most of what a short connection writes.
    driver.start(body, mayTake ? take : undefined);
  } finally {
    if (mayTake) settleSocket(driver, stream);
  }
}

/** @param {import('../driver/driver')} driver */
function take(driver) {
  takeSocket(driver, /** @type {import('../contracts').WebSocketFields} */ (driver._owner)._stream);
}

inherits(WebSocket, API);
API.nameStates(WebSocket);

// Of early releases of the original; not enumerable, as later ones do not have it.
Object.defineProperty(WebSocket.prototype, 'request', {
  get() {
    return this._driver && this._driver._request;
  },
  set(value) {
    Object.defineProperty(this, 'request', { value, writable: true, configurable: true });
  },
  configurable: true,
});

/**
 * Whether a request asks for a WebSocket.
 *
 * @param {import('http').IncomingMessage} request
 * @returns {boolean}
 */
WebSocket.isWebSocket = function (request) {
  return isWebSocket(request);
};

/**
 * Throws for options with unknown names, as ../options does; the original exports this function.
 *
 * @param {object} options
 * @param {string[]} validKeys
 * @throws {Error}
 */
WebSocket.validateOptions = function (options, validKeys) {
  validateOptions(options, validKeys);
};

// Not enumerable, as the original does not have them.
for (const method of [require('./websocket/broadcast'), require('./websocket/close_all'), publish, require('./websocket/topic_adapter')]) {
  Object.defineProperty(WebSocket, method.name, { value: method, writable: true, configurable: true });
}

Object.defineProperty(WebSocket, 'native', { value: !native.isWebAssembly });

WebSocket.WebSocket = WebSocket;
WebSocket.Client = require('./websocket/client');
WebSocket.EventSource = require('./eventsource');

module.exports = WebSocket;
