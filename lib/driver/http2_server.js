'use strict';

/**
 * @import { ServerHttp2Stream } from 'http2'
 * @import { DriverOptions, Handshake, Http2Request } from '../contracts'
 */

const { validateHeaderName, validateHeaderValue } = require('http');

const HybiServer = require('./hybi_server');
const ServerHandshake = require('./server_handshake');
const { native } = require('./session');
const serverSession = require('./server_session');
const { headOf, urlOf } = require('../http2/request');
const { respond } = require('../http2/stream');
const { sequence } = require('../sequence');

/** The response to an extended CONNECT (RFC 8441): header fields, which Node sends. */
class Http2Handshake extends ServerHandshake {
  /**
   * @param {Http2Server} driver
   * @param {DriverOptions} options
   * @param {ServerHttp2Stream} stream
   */
  constructor(driver, options, stream) {
    super(driver, options);
    this._stream = stream;
  }

  /**
   * As `setHeader` of Handshake.
   *
   * @param {string} name
   * @param {unknown} value
   * @throws {TypeError} for a name or value that Node cannot send
   */
  setHeader(name, value) {
    if (value !== undefined) {
      validateHeaderName(name);
      validateHeaderValue(name, String(value));
    }
    super.setHeader(name, value);
  }

  /** @param {string} message */
  _refuse(message) {
    if (respond(this._stream, native.refuseHttp2(this._driver._id, message))) this._stream.end(message);
  }

  /**
   * @param {string | null} extensions
   * @returns {boolean}
   */
  _answer(extensions) {
    const { _id: id, _owner: owner } = this._driver;
    // A server with a listener of 'request' and none of 'connect': Node has answered the request with 405.
    if (this._stream.headersSent) {
      if (owner !== null) sequence(() => owner._emitError('The request has been answered'), () => owner._finalizeClose());
      return false;
    }
    return respond(this._stream, native.respondHttp2(id, this._headers, extensions));
  }
}

/** The server's side of RFC 6455 on a stream of HTTP/2. */
class Http2Server extends HybiServer {
  /**
   * @param {Http2Request} request
   * @param {ServerHttp2Stream} stream
   * @param {DriverOptions} options
   * @throws {TypeError} for a subprotocol with CR, LF or NUL
   */
  constructor(request, stream, options) {
    const url = urlOf(request, 'wss:', 'ws:');
    const head = /** @type {any} */ (headOf(request));
    super(/** @type {any} */ (request), url, options, serverSession(head, url, options));
    /** @type {Handshake | null} */
    this._handshake = new Http2Handshake(this, options, stream);
  }
}

Http2Server.prototype.isOverHttp2 = true;

module.exports = Http2Server;
