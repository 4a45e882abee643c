'use strict';

/**
 * @import { PeerLimits } from './peer_limits'
 * @import { WebSocketFields } from './contracts'
 */

/**
 * Whether the peer of a connection is alive: automatic pings and the time limit for their pongs, the time without input, and
 * the lifetime of the connection.
 *
 * Nothing is done when bytes arrive: the socket's counter of bytes is compared with its value of before. A connection fails
 * only after the loop has polled once more, so that input which waits in the system is read first.
 */
const { CloseCode } = require('./driver/close_code');
const { OPEN } = require('./faye/websocket/ready_state');
const { sequence } = require('./sequence');
const { WheelEntry, wheel } = require('./timer_wheel');

/** How often the counter of bytes is read in an `idleTimeout`. */
const LOOKS = 4;

/** Periods in milliseconds, 0 for none. Connections with the same options share them. */
class Periods {
  /**
   * @param {number | undefined} ping the option, in seconds
   * @param {PeerLimits} limits
   */
  constructor(ping, { pongTimeout = 0, idleTimeout = 0, maxLifetime = 0 }) {
    // As `setInterval` converts its argument, which the original passes the option to.
    this.ping = ping ? Math.max(1, Math.trunc(ping * 1000) || 1) : 0;
    this.pong = toMilliseconds(pongTimeout);
    this.idle = toMilliseconds(idleTimeout);
    this.lifetime = toMilliseconds(maxLifetime);
    this.look = Math.ceil(this.idle / LOOKS);
  }
}

/**
 * @param {number} seconds
 * @returns {number}
 */
function toMilliseconds(seconds) {
  return Math.ceil(seconds * 1000);
}

/** @type {[ping: number | undefined, limits: PeerLimits | null | undefined]} */
let lastArguments = [undefined, undefined];
/** @type {Periods | null} */
let lastPeriods = null;

/**
 * @param {number | undefined} ping
 * @param {PeerLimits | null} limits
 * @returns {Periods}
 */
function periodsOf(ping, limits) {
  if (lastPeriods === null || lastArguments[0] !== ping || lastArguments[1] !== limits) {
    lastArguments = [ping, limits];
    lastPeriods = new Periods(ping, limits || {});
  }
  return lastPeriods;
}

/** Connections that fail unless the next poll of the loop brings input. */
const suspects = new Set();

/** The liveness of one connection. Times are milliseconds of the wheel's clock; 0 for none. */
class Liveness extends WheelEntry {
  /**
   * @param {WebSocketFields} socket
   * @param {Periods} periods
   */
  constructor(socket, periods) {
    super();
    this._socket = socket;
    this._periods = periods;
    /** When the next ping is due. */
    this._pingAt = 0;
    /** Until when the oldest unanswered ping has to be answered; and the number of the last ping that was. */
    this._pongBy = 0;
    this._answered = 0;
    /** When the counter of bytes had last changed; and its value then. */
    this._heardAt = 0;
    this._heard = 0;
    this._expiresAt = 0;

    if (periods.idle > 0) makeCountable(socket);
    if (periods.ping > 0) {
      const now = wheel.now();
      this._pingAt = now + periods.ping;
      wheel.keepAlive();
      this._wait(now);
    }
  }

  /** The connection begins, or is open: the time without input and the lifetime count from now on. */
  begin() {
    const { idle, lifetime } = this._periods;
    const now = wheel.now();
    // Pongs of pings that were sent before the connection was open are not awaited.
    this._answered = this._socket._pingId;
    if (idle > 0) {
      this._heardAt = now;
      this._heard = received(this._socket);
    }
    if (lifetime > 0) this._expiresAt = now + lifetime;
    this._wait(now);
  }

  /** The connection is closed. */
  end() {
    wheel.remove(this);
    if (this._pingAt > 0) wheel.letGo();
    this._pingAt = 0;
  }

  /**
   * A pong has come: if it has the number of a ping, it answers that and all earlier ones (RFC 6455 section 5.5.3).
   *
   * @param {Buffer} payload
   */
  takePong(payload) {
    if (this._pongBy === 0) return;
    const text = payload.toString('latin1');
    const number = Number(text);
    const latest = this._socket._pingId;
    if (!(number > this._answered && number <= latest) || String(number) !== text) return;
    this._answered = number;
    const { ping, pong } = this._periods;
    // The oldest unanswered ping was sent at least so many periods before the latest one.
    this._pongBy = number === latest ? 0 : this._pingAt - ping * (latest - number) + pong;
  }

  /**
   * Called by the timer wheel.
   *
   * @param {number} now milliseconds
   */
  onTime(now) {
    try {
      this._listen(now);
      if (this._fault(now) !== null) suspect(this);
      else if (this._expiresAt > 0 && now >= this._expiresAt) this._expire();
      if (this._pingAt > 0 && now >= this._pingAt) this._ping(now);
    } finally {
      this._wait(now);
    }
  }

  /**
   * Sets the timer for the next time at which something has to be done.
   *
   * @param {number} now
   */
  _wait(now) {
    const { _pingAt: pingAt, _periods: { look } } = this;
    let next = pingAt > 0 ? pingAt : Infinity;
    if (this._socket.readyState <= OPEN) {
      if (this._pongBy > now) next = Math.min(next, this._pongBy);
      if (this._heardAt > 0) next = Math.min(next, now + look, Math.max(now + 1, this._heardAt + this._periods.idle));
      if (this._expiresAt > now) next = Math.min(next, this._expiresAt);
    }
    if (next < Infinity) wheel.set(this, next);
  }

  /** @param {number} now */
  _ping(now) {
    const { _socket: socket, _periods: { ping, pong } } = this;
    this._pingAt = now + ping;
    socket._pingId += 1;
    const isSent = this.runInAsyncScope(socket.ping, socket, socket._pingId.toString());
    if (pong > 0 && this._pongBy === 0 && isSent === true && socket.readyState === OPEN) this._pongBy = now + pong;
  }

  /**
   * Notes whether there was input. While the connection is not read, its time does not count.
   *
   * @param {number} now
   */
  _listen(now) {
    const { _socket: socket, _periods: { pong } } = this;
    const isPaused = !isReading(socket);
    if (isPaused && this._pongBy > 0) this._pongBy = now + pong;
    if (this._heardAt === 0) return;
    const bytes = received(socket);
    if (bytes === this._heard && !isPaused) return;
    this._heard = bytes;
    this._heardAt = now;
  }

  /**
   * The text of the error, if a time limit of the peer is over; otherwise null.
   *
   * @param {number} now
   * @returns {string | null}
   */
  _fault(now) {
    if (this._socket.readyState > OPEN) return null;
    const { pong, idle } = this._periods;
    if (this._pongBy > 0 && now >= this._pongBy) return `Ping was not answered within ${pong / 1000} seconds`;
    if (this._heardAt > 0 && now >= this._heardAt + idle) return `Nothing was received for ${idle / 1000} seconds`;
    return null;
  }

  /** Fails the connection, unless the last poll of the loop has brought input. */
  _judge() {
    const now = wheel.now();
    this._listen(now);
    const fault = this._fault(now);
    if (fault !== null) this.runInAsyncScope(this._socket._fail, this._socket, fault);
    else this._wait(now);
  }

  /** The lifetime of the connection is over. */
  _expire() {
    this._expiresAt = 0;
    const socket = this._socket;
    if (socket.readyState === OPEN) {
      this.runInAsyncScope(socket._leave, socket, CloseCode.going_away, 'Maximum lifetime reached');
    } else if (socket.readyState < OPEN) {
      this.runInAsyncScope(socket._fail, socket, 'Maximum lifetime reached');
    }
  }
}

/** @param {Liveness} liveness */
function suspect(liveness) {
  suspects.add(liveness);
  if (suspects.size === 1) setImmediate(judge);
}

/** Called when the loop has polled once after the first suspect was found. */
function judge() {
  const all = [...suspects];
  suspects.clear();
  sequence(...all.map((liveness) => () => liveness._judge()));
}

/**
 * A counter of bytes from the peer: that of the direct socket, which is quicker to read, or else that of the stream. It may
 * change also when another of the two begins to read, which does no harm.
 *
 * @param {WebSocketFields} socket
 * @returns {number} bytes
 */
function received({ _stream: stream, _driver: driver }) {
  const { _direct: direct } = driver;
  if (direct !== null) return direct.bytesRead;
  const { bytesRead } = stream;
  return typeof bytesRead === 'number' ? bytesRead : /** @type {number} */ (driver.io.bytesRead);
}

/**
 * Counts the bytes of a stream that has no counter of its own.
 *
 * @param {WebSocketFields} socket
 */
function makeCountable({ _stream: stream, _driver: { io } }) {
  if (!stream || typeof stream.bytesRead === 'number') return;
  const { write } = io;
  let bytesRead = 0;
  io.bytesRead = 0;
  io.write = (chunk) => {
    io.bytesRead = bytesRead += chunk.length;
    return write.call(io, chunk);
  };
}

/**
 * @param {WebSocketFields} socket
 * @returns {boolean}
 */
function isReading({ _stream: stream, _driver: driver }) {
  return !driver.io._paused && !driver._input.isFull && !(typeof stream.isPaused === 'function' && stream.isPaused());
}

/**
 * The liveness of a connection; null if no option needs it.
 *
 * @param {WebSocketFields} socket
 * @param {number | undefined} ping the option, in seconds
 * @param {?import('./peer_limits').PeerLimits} limits
 * @returns {?Liveness}
 */
function livenessOf(socket, ping, limits) {
  if (!ping && (limits === null || !limits.idleTimeout && !limits.maxLifetime)) return null;
  return new Liveness(socket, periodsOf(ping, limits));
}

module.exports = { livenessOf, Liveness };
