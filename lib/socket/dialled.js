'use strict';

const { X509Certificate } = require('crypto');
const { Duplex } = require('stream');
const tls = require('tls');
const { getSystemErrorName, getSystemErrorMap } = require('util');

const AsyncContext = require('../async_context');
const { inWordsOfNode } = require('../dialling/trust');
const native = require('../native_binding');
const { connectorFor } = require('../native_tls');
const { attach, connections, SOCKET_EVENTS } = require('./event_loop');
const { slab } = require('../driver/session');

const { Flushed, Finished, Failed, Closed } = native.SocketEvents || {};
const { Credentials, Connection, Failure, End } = native.DialState || {};

/**
 * @typedef {object} NativeSocketOptions
 * @property {string} [host] name or address, IPv6 without brackets
 * @property {number | string} [port]
 * @property {string} [path] Unix socket to connect to; `host` is then only a name for TLS
 * @property {object} [tls] as for `tls.connect`, if `connectorFor` in ../native_tls.js can honour it
 * @property {import('../native').TlsConnector} [connector] what `connectorFor` has made of it
 * @property {NativeProxy} [proxy] the HTTP proxy to go through
 * @property {number} [timeout] milliseconds until 'connect'; 0, the default, for any
 * @property {number} [highWaterMark] as for every Duplex, in bytes
 */

/**
 * @typedef {object} NativeProxy
 * @property {string} host
 * @property {number | string} [port]
 * @property {object} [tls] as for `tls.connect`
 * @property {import('../native').TlsConnector} [connector]
 * @property {string} serverHost value of Host
 * @property {string} url of the server, for the errors of the proxy
 * @property {string} [authorization] a header value
 * @property {string[]} [headers] names and values in turn
 */

/**
 * A TCP or Unix socket dialled outside Node, and then read and written on Node's loop: the byte
 * stream a `net.Socket` is, with its surface. Only where `attach()` of ./event_loop is not -1.
 *
 * Events: those of a Duplex, and `connect`, `ready`, `timeout`.
 */
class NativeSocket extends Duplex {
  /**
   * Begins to connect when the running callback is done.
   *
   * @param {NativeSocketOptions} options
   * @throws {Error} for options that only a socket of Node's can honour
   */
  constructor(options) {
    super({ allowHalfOpen: false, emitClose: false, highWaterMark: options.highWaterMark });

    this.connecting = true;
    this.timeout = 0;
    this.localAddress = undefined;
    this.localPort = undefined;
    this.localFamily = undefined;
    this.remoteAddress = undefined;
    this.remotePort = undefined;
    this.remoteFamily = undefined;

    this._closed = false;
    /** What reads and writes for a driver past this stream, or null: a DirectSocket. */
    this._direct = null;
    this._dispatched = 0;
    this._ended = false;
    this._inFlight = 0;
    /** @type {[enable: boolean, seconds: number] | null} */
    this._keepAlive = null;
    this._noDelay = true;
    /** Of the connection on Node's loop; -1 before there is one, and after it is closed. */
    this._number = -1;
    this._onClosed = null;
    this._onFinished = null;
    this._onFlushed = null;
    /** @type {(() => void)[]} */
    this._onOpen = [];
    this._reading = false;
    /** Bytes that were read by the time the socket was closed. */
    this._received = 0;
    this._timer = null;

    const { tls: ownTls, proxy } = options;
    this.encrypted = Boolean(ownTls);
    const context = new AsyncContext('NativeSocket');
    this._dialler = new native.Dialler(
      targetOf(options),
      // Since Node.js 24 a call from another thread brings no `AsyncLocalStorage` stores with it.
      () => context.runInAsyncScope(this._turn, this),
      connectorOf(options), proxy && connectorOf(proxy));
    // As for `net.connect`: a socket that is destroyed in the turn it was made in dials nobody.
    process.nextTick(() => {
      if (!this.destroyed) this._dialler.dial();
    });
  }

  /**
   * Bytes received since the connection began.
   *
   * @returns {number}
   */
  get bytesRead() {
    return this._number < 0 ? this._received : native.servedReceived(this._number);
  }

  /**
   * Bytes handed to the socket, whether or not the kernel has them yet.
   *
   * @returns {number}
   */
  get bytesWritten() {
    const past = this._number < 0 ? 0 : native.servedWritten(this._number);
    // @ts-expect-error TypeScript takes the getter of Writable for a field, which `super` could not reach.
    return this._dispatched + past + super.writableLength - this._inFlight;
  }

  get bufferSize() {
    return this.writableLength;
  }

  get pending() {
    return this.connecting;
  }

  get readyState() {
    if (this.connecting) return 'opening';
    if (this.readable && this.writable) return 'open';
    if (this.readable) return 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  /**
   * This end's address; an object without members before there is a connection.
   *
   * @returns {{ address?: string, family?: string, port?: number }}
   */
  address() {
    if (this.localAddress === undefined) return {};
    return { address: this.localAddress, family: this.localFamily, port: this.localPort };
  }

  /**
   * As of a `net.Socket`, and so the methods below.
   *
   * @param {boolean} [noDelay]
   * @returns {this}
   */
  setNoDelay(noDelay = true) {
    this._noDelay = Boolean(noDelay);
    if (!this.connecting) native.servedNoDelay(this._number, this._noDelay);
    return this;
  }

  /**
   * @param {boolean} [enable]
   * @param {number} [initialDelay] milliseconds; 0 for the system's
   * @returns {this}
   */
  setKeepAlive(enable = false, initialDelay = 0) {
    this._keepAlive = [Boolean(enable), Math.max(0, Math.trunc(initialDelay / 1000)) || 0];
    if (!this.connecting) native.servedKeepAlive(this._number, ...this._keepAlive);
    return this;
  }

  /**
   * Emits `timeout` after so many milliseconds without traffic; 0 switches it off.
   *
   * @param {number} milliseconds
   * @param {() => void} [callback] listener of 'timeout'
   * @returns {this}
   * @throws {RangeError}
   */
  setTimeout(milliseconds, callback) {
    if (typeof milliseconds !== 'number' || !(milliseconds >= 0)) {
      throw new RangeError(`The value of "msecs" is out of range. Received ${milliseconds}`);
    }
    clearTimeout(this._timer);
    this._timer = null;
    this.timeout = milliseconds;
    if (milliseconds === 0) {
      if (callback) this.removeListener('timeout', callback);
      return this;
    }
    if (callback) this.once('timeout', callback);
    if (!this.destroyed) this._timer = setTimeout(onTimeout, milliseconds, this).unref();
    return this;
  }

  ref() {
    return this._setRef(true);
  }

  unref() {
    return this._setRef(false);
  }

  /**
   * @param {boolean} keepAlive
   * @returns {this}
   */
  _setRef(keepAlive) {
    if (this.connecting) this._dialler.setRef(keepAlive);
    else native.servedRef(this._number, keepAlive);
    return this;
  }

  /** Ends the stream, and destroys the socket when everything is written. */
  destroySoon() {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', this.destroy);
  }

  _read() {
    if (this._reading) return;
    this._reading = true;
    // Nothing is read here: the loop brings the bytes in the async context of the creator.
    if (this._direct === null) native.servedRead(this._number, true);
  }

  /**
   * @param {Buffer} chunk
   * @param {string} encoding
   * @param {(error?: Error | null) => void} callback
   */
  _write(chunk, encoding, callback) {
    this._dispatch(chunk.length, () => native.servedPush(this._number, chunk), callback);
  }

  /**
   * @param {{ chunk: Buffer }[]} entries
   * @param {(error?: Error | null) => void} callback
   */
  _writev(entries, callback) {
    const chunks = entries.map((entry) => entry.chunk);
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this._dispatch(length, () => native.servedPushAll(this._number, chunks), callback);
  }

  /** @param {(error?: Error | null) => void} callback */
  _final(callback) {
    if (this.connecting) {
      this._onOpen.push(() => this._final(callback));
      return;
    }
    if (this._direct !== null) this._direct.writeAll();
    this._onFinished = callback;
    native.servedFinish(this._number);
  }

  /**
   * @param {Error | null} error
   * @param {(error?: Error | null) => void} callback
   */
  _destroy(error, callback) {
    this.connecting = false;
    clearTimeout(this._timer);
    this._timer = null;
    this._onClosed = () => {
      const abandoned = this._onFlushed || this._onFinished;
      this._onFlushed = null;
      this._onFinished = null;
      this._onOpen = [];
      if (abandoned) abandoned(error || closedEarly());
      callback(error);
      // In a tick of its own, as of a `net.Socket`: a listener of 'error' that throws does not hold it back.
      process.nextTick(() => this.emit('close', Boolean(error)));
    };
    if (this._closed) {
      process.nextTick(this._onClosed);
      return;
    }
    if (this._direct !== null) {
      this._direct.writeAll();
      this._direct.giveBack();
    }
    if (this._number >= 0) native.servedDestroy(this._number);
    else this._dialler.abandon();
  }

  /**
   * Writes when the connection stands, and calls back when more may be written.
   *
   * @param {number} length bytes
   * @param {() => boolean} write returns whether more may follow at once
   * @param {(error?: Error | null) => void} callback
   */
  _dispatch(length, write, callback) {
    if (this.connecting) {
      this._onFlushed = callback;
      this._onOpen.push(() => this._dispatch(length, write, callback));
      return;
    }
    this._onFlushed = null;
    this._dispatched += length;
    this._unrefTimer();
    if (write()) {
      callback();
      return;
    }
    this._inFlight = length;
    this._onFlushed = callback;
  }

  /** Starts the time of `setTimeout` anew, by the name that it has in a `net.Socket`. */
  _unrefTimer() {
    if (this._timer) this._timer.refresh();
  }

  /** Answers the dialler's doorbell. */
  _turn() {
    // It may have been rung once more before the connection was handed over.
    if (this._number >= 0 || this._closed) return;
    switch (this._dialler.state()) {
      case Credentials:
        return this.destroyed || this._check();
      case Connection:
        return this.destroyed || this._handOver();
      case Failure:
        return this._fail(this._dialler.takeFailure());
      case End:
        return this._close();
    }
  }

  /** The connection stands: from now on it is served on Node's loop. */
  _handOver() {
    const dialler = this._dialler;
    this._number = dialler.handOver(attach(), dialler);
    if (this._number < 0) {
      this._closed = true;
      this.destroy(new Error('The connection cannot be watched'));
      return;
    }
    connections[this._number] = this;
    if (this._reading) native.servedRead(this._number, true);
    this._open(dialler.endpoints());
  }

  /**
   * Takes a report of the native side while no driver reads past the stream: see `servedAttach` in ../native.d.ts.
   *
   * @param {number} length
   * @param {number} count
   */
  receive(length, count) {
    if (length > 0) {
      this._receive(Buffer.from(slab.subarray(0, length)));
    } else if (length === SOCKET_EVENTS) {
      if (count & Closed) connections[this._number] = undefined;
      this._settle(count);
    } else if (length === 0) {
      if (this._direct !== null) this._direct.giveBack();
      this._end();
    }
  }

  /**
   * Bytes from Node's loop.
   *
   * @param {Buffer} chunk
   */
  _receive(chunk) {
    if (this.timeout) this._unrefTimer();
    this._reading = this.push(chunk);
    if (!this._reading && this._direct === null) native.servedRead(this._number, false);
  }

  /**
   * The connection stands: 'connect' is emitted, and what was written before goes out.
   *
   * @param {import('../native').SocketEndpoints} endpoints
   */
  _open({ localAddress, localPort, remoteAddress, remotePort }) {
    this.localAddress = localAddress;
    this.localPort = localPort;
    this.localFamily = familyOf(localAddress);
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.remoteFamily = familyOf(remoteAddress);
    this.connecting = false;
    if (!this._noDelay) native.servedNoDelay(this._number, false);
    if (this._keepAlive) native.servedKeepAlive(this._number, ...this._keepAlive);
    this._unrefTimer();
    const waiting = this._onOpen;
    this._onOpen = [];
    for (const run of waiting) run();
    this.emit('connect');
    this.emit('ready');
    // Nobody may ever read, and still a reset has to be found.
    if (this.readable && !this.isPaused()) this.read(0);
  }

  /** Shows the server's certificate to Node's rules for names; the native side waits for consent. */
  _check() {
    const { name, certificate } = this._dialler.takeCredentials();
    let error;
    try {
      error = tls.checkServerIdentity(name, new X509Certificate(certificate).toLegacyObject());
    } catch (failure) {
      error = failure;
    }
    if (error) this.destroy(error);
    else this._dialler.giveConsent();
  }

  /**
   * What the loop reports besides bytes, as bits of `SocketEvents`.
   *
   * @param {number} report
   */
  _settle(report) {
    if (report & Flushed && this._onFlushed && !this.connecting) {
      const callback = this._onFlushed;
      this._onFlushed = null;
      this._inFlight = 0;
      this._unrefTimer();
      callback();
    }
    if (report & Finished && this._onFinished) {
      const callback = this._onFinished;
      this._onFinished = null;
      callback();
    }
    if (report & Failed) this._fail(native.servedFailure(this._number));
    if (report & Closed) this._close();
  }

  /** The peer has ended its stream. */
  _end() {
    if (this._ended) return;
    this._ended = true;
    this.push(null);
    // A paused stream with nothing left to read says so at once, as a `net.Socket` does.
    this.read(0);
  }

  /** @param {import('../native').SocketFailure} failure */
  _fail(failure) {
    // A proxy that hangs up without a word is an end, not an error.
    const isEnd = failure.syscall === 'proxy' && failure.code === 'EOF';
    this.destroy(isEnd ? null : errorFrom(failure));
  }

  /** Nothing will follow. */
  _close() {
    this._closed = true;
    this._received = this.bytesRead;
    this._dispatched += this._number < 0 ? 0 : native.servedWritten(this._number);
    this._number = -1;
    if (this._onClosed) this._onClosed();
    else this.destroy(closedEarly());
  }
}

/**
 * What `native.Dialler` is to connect to.
 *
 * @param {NativeSocketOptions} options
 * @returns {import('../native').SocketTarget}
 */
function targetOf({ host, port, path, tls: own, proxy, timeout }) {
  if (path) return { path, timeout, servername: nameOf(own, host || 'localhost') };
  /** @type {import('../native').SocketTarget} */
  const target = { host: host || 'localhost', port: portOf(port), timeout };
  target.servername = nameOf(own, target.host);
  if (proxy) {
    const { serverHost, url, authorization, headers = [] } = proxy;
    target.proxy = { host: proxy.host, port: portOf(proxy.port), serverHost, url, authorization, headers };
    target.proxy.servername = nameOf(proxy.tls, proxy.host);
  }
  return target;
}

/**
 * What makes a layer of TLS; undefined where there is none.
 *
 * @param {{ tls?: object, connector?: import('../native').TlsConnector }} layer
 * @returns {import('../native').TlsConnector | undefined}
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
 * The name to ask a server by in TLS.
 *
 * @param {{ servername?: string } | undefined} options
 * @param {string} host
 * @returns {string}
 */
function nameOf(options, host) {
  return (options && options.servername) || host;
}

/** @param {NativeSocket} socket */
function onTimeout(socket) {
  socket.emit('timeout');
}

/**
 * @param {string | undefined} address
 * @returns {'IPv4' | 'IPv6' | undefined}
 */
function familyOf(address) {
  if (address === undefined) return undefined;
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

/** @returns {import('../contracts').SystemError} */
function closedEarly() {
  const error = /** @type {import('../contracts').SystemError} */ (new Error('Socket closed before the connection was established'));
  error.code = 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION';
  return error;
}

/**
 * The error that `net.connect` would have given.
 *
 * @param {import('../native').SocketFailure} failure
 * @returns {import('../contracts').SystemError}
 */
function errorFrom(failure) {
  const error = systemError(failure);
  if (failure.others.length === 0) return error;
  const errors = [error, ...failure.others.map(systemError)];
  // Node leaves the message of such an error empty; the first attempt's says what happened.
  const all = /** @type {import('../contracts').SystemError} */ (new AggregateError(errors, error.message));
  all.code = error.code;
  all.errno = error.errno;
  all.syscall = error.syscall;
  return all;
}

/**
 * @param {import('../native').SocketFailure} failure
 * @returns {import('../contracts').SystemError}
 */
function systemError({ syscall, code, errno, address, port, hostname, text, answer }) {
  if (syscall === 'proxy') return handshakeError(text, code, answer);
  if (syscall === 'tls') return tlsError(inWordsOfNode(text, code));
  const name = errno ? getSystemErrorName(-errno) : code;
  const where = hostname || (port ? `${address}:${port}` : address);
  const words = [syscall, name || text, where];
  if (name === 'EPROTO') words.push(text);
  const error = /** @type {import('../contracts').SystemError} */ (new Error(words.filter(Boolean).join(' ')));
  error.errno = numberOf(name);
  error.code = name || 'EUNKNOWN';
  error.syscall = syscall;
  if (hostname) error.hostname = hostname;
  if (address) error.address = address;
  if (port) error.port = port;
  return error;
}

/**
 * @param {{ message: string, code: string }} failure
 * @returns {import('../contracts').SystemError}
 */
function tlsError({ message, code }) {
  const error = /** @type {import('../contracts').SystemError} */ (new Error(message));
  error.code = code;
  return error;
}

/**
 * A failure above the socket: the text says it all.
 *
 * @param {string} text
 * @param {string | undefined} code
 * @param {import('../native').ProxyAnswer} [answer]
 * @returns {import('../contracts').SystemError}
 */
function handshakeError(text, code, answer) {
  const error = /** @type {import('../contracts').SystemError} */ (new Error(text));
  error.code = code;
  if (answer && answer.statusCode > 0) {
    error.statusCode = answer.statusCode;
    error.headers = {};
    for (let i = 0; i < answer.headers.length; i += 2) error.headers[answer.headers[i]] = answer.headers[i + 1];
  }
  return error;
}

/**
 * libuv's number for a code, which is another one on every system.
 *
 * @param {string | undefined} code
 * @returns {number | undefined}
 */
function numberOf(code) {
  for (const [number, [name]] of getSystemErrorMap()) {
    if (name === code) return number;
  }
  // Node's own name for what the resolver calls EAI_NONAME.
  return code === 'ENOTFOUND' ? numberOf('EAI_NONAME') : undefined;
}

module.exports = NativeSocket;
