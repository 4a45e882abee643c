'use strict';

/** @import { WebSocketFields } from '../../contracts' */

const API = require('./api');
const { CloseCode, SERVICE_RESTART, TRY_AGAIN_LATER } = require('../../driver/close_code');
const { openDrivers } = require('../../driver/open_drivers');
const { setTimeLimit } = require('../../time_limit');

/** Close codes below 3000 with which a server may leave. */
const CODES = [
  CloseCode.normal_closure, CloseCode.going_away, CloseCode.unexpected_condition, SERVICE_RESTART, TRY_AGAIN_LATER,
];

/**
 * Closes all connections of servers in this thread.
 *
 * @param {number} [code] 1000, 1001, 1011, 1012, 1013 or 3000 to 4999
 * @param {string} [reason] at most 123 bytes of UTF-8; the rest is cut off
 * @param {number} [timeout] seconds after which those that have not closed are terminated
 * @returns {Promise<{closed: number, terminated: number}>} when the sockets of all are closed
 * @throws {TypeError|RangeError} for an argument of another type, or out of range
 */
function closeAll(code = CloseCode.going_away, reason = '', timeout = API.CLOSE_TIMEOUT / 1000) {
  if (typeof code !== 'number') throw new TypeError('code must be a number');
  if (!CODES.includes(code) && !(code >= 3000 && code <= 4999)) {
    throw new RangeError(`code must be one of ${CODES.join(', ')}, or between 3000 and 4999`);
  }
  if (typeof timeout !== 'number') throw new TypeError('timeout must be a number of seconds');
  if (!(timeout >= 0)) throw new RangeError('timeout must be a number of seconds');

  return new Promise((resolve) => {
    const open = new Set(openDrivers().map((driver) => /** @type {WebSocketFields | null} */ (driver._owner)).filter((socket) => socket !== null));
    const result = { closed: open.size, terminated: 0 };
    const leave = (/** @type {WebSocketFields} */ socket) => {
      open.delete(socket);
      if (open.size > 0) return;
      clearTimeout(timer);
      resolve(result);
    };
    if (open.size === 0) return resolve(result);

    /** @type {NodeJS.Timeout} */
    let timer;
    const terminate = () => {
      for (const socket of open) {
        if (socket.readyState !== API.CLOSED) {
          result.terminated++;
          result.closed--;
          attempt(() => socket.terminate());
        }
        // Also of a closed WebSocket, which may still have output to be written.
        socket._stream.destroy();
        if (socket._stream.closed === undefined) leave(socket);
      }
    };
    setTimeLimit(timeout * 1000, terminate, (next) => { timer = next; });

    for (const socket of [...open]) {
      whenGone(socket, () => leave(socket));
      attempt(() => socket._leave(code, reason));
    }
  });
}

/**
 * Calls `then` when the connection is over: at 'close' of its stream, or at that of the WebSocket where streams of its kind
 * emit none.
 *
 * @param {WebSocketFields} socket
 * @param {() => void} then
 */
function whenGone(socket, then) {
  const stream = socket._stream;
  if (stream.closed === false) stream.once('close', then);
  else if (stream.closed === undefined) socket.prependOnceListener('close', then);
  else then();
}

/**
 * Calls a function; an exception, of a listener of one WebSocket, is thrown later, so that the others are closed.
 *
 * @param {() => void} act
 */
function attempt(act) {
  try {
    act();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

module.exports = closeAll;
