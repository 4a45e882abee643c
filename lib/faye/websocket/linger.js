'use strict';

/**
 * @import { ByteStream } from '../../contracts'
 * @import Driver from '../../driver/driver'
 */

const { Duplex } = require('stream');

const { discardInput } = require('../../driver/socket_pipe');

/**
 * Whether the peer may still be sending. The system resets a connection that is closed with unread bytes, and a peer
 * that is reset may lose what it was sent last: the reason for which it is refused. "Discarding any trailing bytes that
 * may have been received", says RFC 6455 section 7.1.1.
 *
 * @param {ByteStream} stream
 * @param {Driver} driver
 * @returns {boolean}
 */
function awaitsEnd(stream, driver) {
  return driver._awaitsEnd && stream instanceof Duplex && stream.readable;
}

/**
 * Ends a socket; within limits, it may send what it still holds, and a peer that may still be sending has its end awaited.
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
    // A stream that has ended both ways destroys itself.
    else stream.once('finish', destroy);
  }
  stream.end();
}

module.exports = { awaitsEnd, linger };
