'use strict';

/**
 * The errors of sockets that are dialled or read natively: the same as those of a `net.Socket` or `tls.TLSSocket`.
 *
 * @import { SystemError } from '../contracts'
 * @import { ProxyAnswer, SocketFailure } from '../native'
 */
const { getSystemErrorName, getSystemErrorMap } = require('util');

const { inWordsOfNode } = require('../dialling/trust');

/**
 * The error that Node makes of a failed system call.
 *
 * @param {number} errno libuv's
 * @param {string} syscall
 * @returns {SystemError}
 */
function systemError(errno, syscall) {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`${syscall} ${code}`), { errno, code, syscall });
}

/**
 * @param {string} message
 * @param {string | undefined} code
 * @returns {SystemError}
 */
function errorWith(message, code) {
  return Object.assign(new Error(message), { code });
}

/** @returns {SystemError} */
function closedEarly() {
  return errorWith('Socket closed before the connection was established', 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION');
}

/**
 * The error that `net.connect` would emit.
 *
 * @param {SocketFailure} failure
 * @returns {SystemError}
 */
function errorOf(failure) {
  const error = dialError(failure);
  if (failure.others.length === 0) return error;
  const errors = [error, ...failure.others.map(dialError)];
  // Node leaves the message of such an error empty; that of the first attempt says more.
  const { message, code, errno, syscall } = error;
  return Object.assign(new AggregateError(errors, message), { code, errno, syscall });
}

/**
 * @param {SocketFailure} failure
 * @returns {SystemError}
 */
function dialError({ syscall, code, errno, address, port, hostname, text, answer }) {
  if (syscall === 'proxy') return handshakeError(text, code, answer);
  if (syscall === 'tls') {
    const { message, code: ownCode } = inWordsOfNode(text, code);
    return errorWith(message, ownCode);
  }
  const name = errno ? getSystemErrorName(-errno) : code;
  const where = hostname || (port ? `${address}:${port}` : address);
  const words = [syscall, name || text, where];
  if (name === 'EPROTO') words.push(text);
  const error = /** @type {SystemError} */ (new Error(words.filter(Boolean).join(' ')));
  error.errno = numberOf(name);
  error.code = name || 'EUNKNOWN';
  error.syscall = syscall;
  if (hostname) error.hostname = hostname;
  if (address) error.address = address;
  if (port) error.port = port;
  return error;
}

/**
 * A failure above the socket: the text says it all.
 *
 * @param {string} text
 * @param {string | undefined} code
 * @param {ProxyAnswer} [answer]
 * @returns {SystemError}
 */
function handshakeError(text, code, answer) {
  const error = errorWith(text, code);
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

module.exports = { systemError, closedEarly, errorOf };
