'use strict';

/**
 * @import { DialOptions } from './dial_target'
 * @import { SocketEndpoints, SocketFailure } from '../native'
 */

const { X509Certificate } = require('crypto');
const tls = require('tls');

const AsyncContext = require('../async_context');
const native = require('../native_binding');
const { targetOf, connectorOf } = require('./dial_target');
const { attach } = require('./event_loop');

const { Credentials, Connection, Failure, End } = native.DialState || {};

/**
 * The time before there is a connection: another thread looks names up, connects, and speaks TLS, and asks about
 * what Node has rules for. Of its socket it reads `destroyed`, and it calls `open`, `fail`, `close` and `destroy`.
 */
class Dialling {
  /**
   * Begins when the running callback is done.
   *
   * @param {import('./dialled')} socket
   * @param {DialOptions} options
   * @throws {Error} for options that only a socket of Node's can honour
   */
  constructor(socket, options) {
    const { proxy } = options;
    const context = new AsyncContext('DialledSocket');
    this._socket = socket;
    this._isOver = false;
    this._dialler = new native.Dialler(
      targetOf(options),
      // Since Node.js 24 a call from another thread brings no `AsyncLocalStorage` stores with it.
      () => context.runInAsyncScope(this._turn, this),
      connectorOf(options), proxy && connectorOf(proxy));
    // As for `net.connect`: a socket that is destroyed in the turn it was made in dials nobody.
    process.nextTick(() => {
      if (!socket.destroyed) this._dialler.dial();
    });
  }

  /** @param {boolean} keepAlive whether the process waits for what comes of it */
  setRef(keepAlive) {
    this._dialler.setRef(keepAlive);
  }

  /** The socket is destroyed: `close` of it follows. */
  abandon() {
    this._dialler.abandon();
  }

  /** Answers the dialler's doorbell. */
  _turn() {
    // It may have been rung once more before the connection was handed over.
    if (this._isOver) return;
    const { _socket: socket, _dialler: dialler } = this;
    switch (dialler.state()) {
      case Credentials:
        return socket.destroyed || this._check();
      case Connection:
        return socket.destroyed || this._handOver();
      case Failure:
        return socket.fail(/** @type {SocketFailure} */ (dialler.takeFailure()));
      case End:
        this._isOver = true;
        return socket.close();
    }
  }

  /** The connection stands: from now on it is served on Node's loop. */
  _handOver() {
    const { _socket: socket, _dialler: dialler } = this;
    this._isOver = true;
    const number = dialler.handOver(attach(), dialler);
    if (number < 0) socket.close(new Error('The connection cannot be watched'));
    else socket.open(number, /** @type {SocketEndpoints} */ (dialler.endpoints()));
  }

  /** Shows the server's certificate to Node's rules for names; the native side waits for consent. */
  _check() {
    const credentials = this._dialler.takeCredentials();
    // The time was up meanwhile: the doorbell rings again for that.
    if (credentials === null) return;
    const { name, certificate } = credentials;
    let error;
    try {
      error = tls.checkServerIdentity(name, new X509Certificate(certificate).toLegacyObject());
    } catch (/** @type {any} */ failure) {
      error = failure;
    }
    if (error) this._socket.destroy(error);
    else this._dialler.giveConsent();
  }
}

module.exports = Dialling;
