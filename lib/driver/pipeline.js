'use strict';

/** @import { ExtensionCallback, ExtensionMessage, ExtensionSession } from '../contracts' */

const { sequence, throwAll } = require('../sequence');

/**
 * @typedef {(error: any, message: ExtensionMessage | null) => void} Leave takes the result of a lane: an error, or a
 *   message, which is null if there is an error
 */
/** @typedef {{ error: any, message: ExtensionMessage | null, leave: Leave, done: boolean }} Entry */

/**
 * One session and one direction: messages leave in the order in which they have entered, although the session may call back
 * in another order.
 */
class Lane {
  /**
   * @param {string} name of the extension, for its errors
   * @param {any} session
   * @param {'processIncomingMessage' | 'processOutgoingMessage'} method
   */
  constructor(name, session, method) {
    this._name = name;
    this._session = session;
    this._method = method;
    /** @type {Entry[]} */
    this._entries = [];
    this._stopped = false;
  }

  /**
   * Takes a message, or the error of an earlier lane.
   *
   * @param {any} error
   * @param {ExtensionMessage | null} message
   * @param {Leave} leave
   */
  enter(error, message, leave) {
    if (this._stopped) return;
    const entry = { error, message, leave, done: false };
    this._entries.push(entry);

    if (error) {
      this._stopped = true;
      entry.done = true;
      return this._flush();
    }

    /** @type {ExtensionCallback} */
    const callback = (failure, result) => {
      if (entry.done) return;
      entry.done = true;
      if (!failure && result?.data == null) failure = new Error('The callback was given neither an error nor a message');
      if (failure || !result) {
        this._stopped = true;
        entry.error = { type: failure.type, message: `${this._name}: ${failure.message}` };
        entry.message = null;
      } else {
        entry.message = result;
      }
      this._flush();
    };
    try {
      this._session[this._method](message, callback);
    } catch (failure) {
      callback(failure);
    }
  }

  _flush() {
    const entries = this._entries;
    const thrown = [];
    while (entries.length > 0 && entries[0].done) {
      const { error, message, leave } = /** @type {Entry} */ (entries.shift());
      if (error) entries.length = 0;
      try {
        leave(error, message);
      } catch (failure) {
        thrown.push(failure);
      }
    }
    throwAll(thrown);
  }
}

/** The lanes of one direction, through which a message passes one after the other. */
class Direction {
  /**
   * @param {Lane[]} lanes
   * @param {() => void} onIdle called when no lane has a message any more
   */
  constructor(lanes, onIdle) {
    this._lanes = lanes;
    this._onIdle = onIdle;
    this._stopped = false;
    this.inside = 0;
  }

  /**
   * @param {ExtensionMessage} message
   * @param {Leave} callback
   */
  enter(message, callback) {
    if (this._stopped) return;
    this.inside++;
    const pass = (/** @type {number} */ index, /** @type {any} */ error, /** @type {ExtensionMessage | null} */ current) => {
      if (index < this._lanes.length) {
        this._lanes[index].enter(error, current, (failure, result) => {
          // After an error no message enters any more; those that have entered before still leave.
          if (failure) this._stopped = true;
          pass(index + 1, failure, result);
        });
        return;
      }
      this.inside = error ? 0 : this.inside - 1;
      if (this.inside > 0) return callback(error, current);
      sequence(() => callback(error, current), () => this.inside === 0 && this._onIdle());
    };
    pass(0, null, message);
  }

  /** Lets no message enter any more; those that have entered still leave. */
  stop() {
    this._stopped = true;
  }
}

/** The extensions of a connection, in the order in which they were agreed on. */
class Pipeline {
  /** @param {{ name: string, session: ExtensionSession }[]} members */
  constructor(members) {
    const onIdle = () => this._closeIfIdle();
    this._sessions = members.map(({ session }) => session);
    this._outgoing = new Direction(
      members.map(({ name, session }) => new Lane(name, session, 'processOutgoingMessage')), onIdle);
    this._incoming = new Direction(
      members.map(({ name, session }) => new Lane(name, session, 'processIncomingMessage')).reverse(), onIdle);
    /** @type {(() => void)[] | null} */
    this._waiting = null;
  }

  /**
   * Passes a message of the peer through all sessions, the last one first.
   *
   * @param {ExtensionMessage} message
   * @param {Leave} callback
   */
  incoming(message, callback) {
    this._incoming.enter(message, callback);
  }

  /**
   * Passes a message for the peer through all sessions, the first one first.
   *
   * @param {ExtensionMessage} message
   * @param {Leave} callback
   */
  outgoing(message, callback) {
    this._outgoing.enter(message, callback);
  }

  /**
   * Takes no more messages; closes the sessions and calls `then` when all messages have left.
   *
   * @param {() => void} then
   */
  close(then) {
    this._incoming.stop();
    this._outgoing.stop();
    if (this._waiting !== null) this._waiting.push(then);
    else this._waiting = [then];
    this._closeIfIdle();
  }

  /** Closes the sessions if `close` was called and all messages have left. */
  _closeIfIdle() {
    if (this._waiting === null || this._incoming.inside + this._outgoing.inside > 0) return;
    const sessions = this._sessions;
    this._sessions = [];
    const waiting = this._waiting;
    this._waiting = [];
    sequence(...sessions.map((session) => () => session.close()), ...waiting);
  }
}

module.exports = Pipeline;
