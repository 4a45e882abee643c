'use strict';

/** What a driver emits. Shapes that dependents read: see the fields. */
class OpenEvent {}
class ConnectEvent {}

class MessageEvent {
  /** @param {string | Buffer} data */
  constructor(data) {
    this.data = data;
  }
}

class CloseEvent {
  /**
   * @param {number | null | undefined} code
   * @param {string | null | undefined} reason
   */
  constructor(code, reason) {
    this.code = code;
    this.reason = reason;
  }
}

class PingEvent {
  /** @param {string} data */
  constructor(data) {
    this.data = data;
  }
}

class PongEvent {
  /** @param {string} data */
  constructor(data) {
    this.data = data;
  }
}

module.exports = { OpenEvent, ConnectEvent, MessageEvent, CloseEvent, PingEvent, PongEvent };
