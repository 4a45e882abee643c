'use strict';

/**
 * @import { ByteStream } from '../../contracts'
 * @import Driver from '../../driver/driver'
 */

const { Duplex } = require('stream');

const { discardInput } = require('../../driver/socket_pipe');

/** Time, in milliseconds, for queued output to be written, and for the peer to end its stream, when a connection is over. */
const LINGER_TIMEOUT = 2000;

/**
 * Whether the end of the peer's stream has to be awaited, since the peer may still be sending. The system resets a
 * connection that is closed with unread bytes, and a peer that is reset may lose the bytes that it was sent last, such as
 * our close frame. RFC 6455 section 7.1.1 wants to close "discarding any trailing bytes that may have been received".
 *
 * @param {ByteStream} stream
 * @param {Driver} driver
 * @returns {boolean}
 */
function awaitsEnd(stream, driver) {
  return driver._awaitsEnd && stream instanceof Duplex && stream.readable;
}

/**
 * Ends a socket. Within `timeout`, its output is written, and the end of the peer's stream awaited where `awaitsEnd`.
 *
 * @param {ByteStream} stream
 * @param {number} timeout milliseconds
 * @param {Driver} driver
 */
function linger(stream, timeout, driver) {
  const awaits = awaitsEnd(stream, driver);
  if ((awaits || stream.writableLength > 0) && !stream.destroyed) {
    const destroy = () => stream.destroy();
    const timer = setTimeout(destroy, timeout);
    stream.once('close', () => clearTimeout(timer));
    if (awaits) discardInput(stream, driver);
    // A stream of which both directions have ended destroys itself.
    else stream.once('finish', destroy);
  }
  stream.end();
}

module.exports = { LINGER_TIMEOUT, awaitsEnd, linger };
