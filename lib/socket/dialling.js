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
 * A connection that is being made: another thread looks the name up, connects, and makes TLS handshakes; certificates are
 * compared with names here, by Node's rules. Of its socket it reads `destroyed`, and calls `open`, `fail`, `close` and
 * `destroy`.
 */
class Dialling {
  /**
   * Begins to connect in the next tick.
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
      // Since Node.js 24 a call from another thread does not restore the stores of `AsyncLocalStorage`.
      () => context.runInAsyncScope(this._turn, this),
      connectorOf(options), proxy && connectorOf(proxy));
    // As with `net.connect`, nothing is dialled if the socket is destroyed in the turn in which it was made.
    process.nextTick(() => {
      if (!socket.destroyed) this._dialler.dial();
    });
  }

  /** @param {boolean} keepAlive whether the attempt keeps the process alive */
  setRef(keepAlive) {
    this._dialler.setRef(keepAlive);
  }

  /** Aborts the attempt, as the socket was destroyed; `close` of the socket follows. */
  abandon() {
    this._dialler.abandon();
  }

  /** Answers the dialler's doorbell. */
  _turn() {
    // It may have been rung once more before the connection was taken.
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

  /** The connection is established: has it read and written on Node's loop from now on. */
  _handOver() {
    const { _socket: socket, _dialler: dialler } = this;
    this._isOver = true;
    const number = dialler.handOver(attach(), dialler);
    if (number < 0) socket.close(new Error('The connection cannot be watched'));
    else socket.open(number, /** @type {SocketEndpoints} */ (dialler.endpoints()));
  }

  /** Compares the server's certificate with its name by Node's function; the native side waits for consent. */
  _check() {
    const credentials = this._dialler.takeCredentials();
    // The time limit has ended the attempt meanwhile: the doorbell rings again.
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
