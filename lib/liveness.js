'use strict';

/**
 * @import { PeerLimits } from './peer_limits'
 * @import { WebSocketFields } from './contracts'
 */

/**
 * Whether the peer of a connection is still there: the automatic pings, how soon they are answered,
 * how long nothing has come, and how long the connection has lasted.
 *
 * Nothing is written down when bytes arrive: the counter that every socket has is compared with what
 * it was. A verdict falls after the loop has polled, so that what waits in the system is heard first.
 */
const { CloseCode } = require('./driver/close_code');
const { OPEN } = require('./faye/websocket/ready_state');
const { sequence } = require('./sequence');
const { WheelEntry, wheel } = require('./timer_wheel');

/** What has come is looked at so many times in an `idleTimeout`. */
const LOOKS = 4;

/** Periods in milliseconds, 0 for none. Connections with the same options share them. */
class Periods {
  /**
   * @param {number | undefined} ping the option, in seconds
   * @param {PeerLimits} limits
   */
  constructor(ping, { pongTimeout = 0, idleTimeout = 0, maxLifetime = 0 }) {
    // As for `setInterval`, which the option has always been given to.
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

/** Connections on which a verdict is about to fall. */
const suspects = new Set();

/** Moments are milliseconds of the wheel's clock; 0 where nothing is waited for. */
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
    /** When the oldest ping that has not been answered has to be, and the last that has been. */
    this._pongBy = 0;
    this._answered = 0;
    /** When something had come last, and the counter of bytes then. */
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

  /** The connection begins, or is open: silence and lifetime count from now on. */
  begin() {
    const { idle, lifetime } = this._periods;
    const now = wheel.now();
    // A ping that was sent before the connection was open is not awaited.
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
   * A pong has come: a number that was sent answers it, and with it those before (RFC 6455 section 5.5.3).
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
    // The oldest that is left was sent so many periods, at least, before the latest.
    this._pongBy = number === latest ? 0 : this._pingAt - ping * (latest - number) + pong;
  }

  /**
   * What the timer wheel calls.
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
   * Stands in the wheel where something is to be done next.
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
   * Notes whether something has come. While nobody reads, nothing can.
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
   * What the peer has failed to do, or null.
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

  /** Fails the connection, unless its peer was heard of while the loop polled. */
  _judge() {
    const now = wheel.now();
    this._listen(now);
    const fault = this._fault(now);
    if (fault !== null) this.runInAsyncScope(this._socket._fail, this._socket, fault);
    else this._wait(now);
  }

  /** The connection has lasted as long as it may. */
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

/** Called when the loop has polled once since the first suspect was found. */
function judge() {
  const all = [...suspects];
  suspects.clear();
  sequence(...all.map((liveness) => () => liveness._judge()));
}

/**
 * A count that grows with the bytes from the peer: past the socket's stream, that of what reads there,
 * which is quicker to ask. That it changes with who reads is no harm.
 *
 * @param {WebSocketFields} socket
 * @returns {number} bytes
 */
function received({ _stream: stream, _driver: driver }) {
  const { _direct: direct } = driver;
  if (direct !== null) return direct.bytesRead;
  const { bytesRead } = stream;
  return typeof bytesRead === 'number' ? bytesRead : driver.io.bytesRead;
}

/**
 * A stream that does not count what is read from it has it counted behind.
 *
 * @param {WebSocketFields} socket
 */
function makeCountable({ _stream: stream, _driver: { io } }) {
  if (!stream || typeof stream.bytesRead === 'number') return;
  const { write } = io;
  io.bytesRead = 0;
  io.write = function (/** @type {Buffer} */ chunk) {
    this.bytesRead += chunk.length;
    return write.call(this, chunk);
  };
}

/**
 * @param {WebSocketFields} socket
 * @returns {boolean}
 */
function isReading({ _stream: stream, _driver: driver }) {
  return !driver.io._paused && driver._input.held === null && !(typeof stream.isPaused === 'function' && stream.isPaused());
}

/**
 * Watches over a connection; null where no option asks for it.
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
