'use strict';

/**
 * The options that limit how long a peer may be silent, what it may send, and how much output may wait for it. None is on by
 * default. Their names, units and errors are here; their effects are in ./liveness, ./driver/backpressure and
 * src/proto/rate.rs.
 *
 * @typedef {object} PeerLimits every member is undefined where the option was not given
 * @property {number} [pongTimeout] seconds
 * @property {number} [idleTimeout] seconds
 * @property {number} [closeTimeout] seconds
 * @property {number} [maxLifetime] seconds
 * @property {number} [maxBackpressure] bytes
 * @property {'close'|'drop'} [onBackpressure]
 * @property {number} [maxFragments] frames in a message
 * @property {number} [streamAbove] bytes of a message
 * @property {number} [maxMessageRate] messages a second
 * @property {number} [maxPingRate] pings a second
 */

const TIMEOUTS = ['pongTimeout', 'idleTimeout', 'maxLifetime'];
const COUNTS = ['maxBackpressure', 'maxFragments'];
const RATES = ['maxMessageRate', 'maxPingRate'];
const NAMES = [...TIMEOUTS, 'closeTimeout', ...COUNTS, 'onBackpressure', ...RATES, 'streamAbove'];

/** Most frames of a message that the core can count. */
const MOST_FRAGMENTS = 0xffffffff;

/** The limits of the last connection: most connections have the same, and share the object. */
let last = /** @type {PeerLimits | null} */ (null);

/**
 * @param {any} options
 * @returns {?PeerLimits} null where none of the options is given
 * @throws {TypeError} for a value of another type, or an option that needs another
 * @throws {RangeError} for a number that is out of range
 */
function peerLimits(options) {
  const { pongTimeout, idleTimeout, closeTimeout, maxLifetime, maxBackpressure, onBackpressure, maxFragments,
    maxMessageRate, maxPingRate, streamAbove } = options;
  // The usual case, for which a few comparisons suffice.
  if (pongTimeout == null && idleTimeout == null && closeTimeout == null && maxLifetime == null &&
    maxBackpressure == null && onBackpressure == null && maxFragments == null && maxMessageRate == null &&
    maxPingRate == null && streamAbove == null) return null;

  /** @type {any} */
  const limits = {};
  for (const name of NAMES) limits[name] = options[name] == null ? undefined : options[name];
  check(limits, options.ping);
  for (const name of TIMEOUTS) limits[name] ||= undefined;
  if (last === null || NAMES.some((name) => /** @type {any} */ (last)[name] !== limits[name])) last = limits;
  return last;
}

/**
 * @param {any} limits
 * @param {unknown} ping
 */
function check(limits, ping) {
  for (const name of TIMEOUTS) {
    checkNumber(name, limits[name], (value) => value >= 0, 'a number of seconds, 0 for none');
  }
  checkNumber('closeTimeout', limits.closeTimeout, (value) => value > 0, 'a number of seconds greater than 0');
  checkNumber('maxBackpressure', limits.maxBackpressure, (value) => value > 0, 'a number of bytes greater than 0');
  checkNumber('maxFragments', limits.maxFragments,
    (value) => Number.isInteger(value) && value > 0 && value <= MOST_FRAGMENTS, `an integer from 1 to ${MOST_FRAGMENTS}`);
  checkNumber('streamAbove', limits.streamAbove,
    (value) => Number.isInteger(value) && value >= 0, 'an integer number of bytes');
  for (const name of RATES) checkNumber(name, limits[name], (value) => value > 0, 'a number per second greater than 0');

  const { pongTimeout, maxBackpressure, onBackpressure } = limits;
  if (pongTimeout && !ping) throw new TypeError('pongTimeout requires the option ping');
  if (onBackpressure === undefined) return;
  if (onBackpressure !== 'close' && onBackpressure !== 'drop') {
    throw new TypeError("onBackpressure must be 'close' or 'drop'");
  }
  if (maxBackpressure === undefined) throw new TypeError('onBackpressure requires the option maxBackpressure');
}

/**
 * @param {string} name
 * @param {any} value
 * @param {(value: number) => boolean} isInRange
 * @param {string} description for the error's message
 * @throws {TypeError | RangeError}
 */
function checkNumber(name, value, isInRange, description) {
  if (value === undefined) return;
  if (typeof value !== 'number') throw new TypeError(`${name} must be ${description}`);
  if (!Number.isFinite(value) || !isInRange(value)) throw new RangeError(`${name} must be ${description}`);
}

module.exports = { NAMES, peerLimits };
