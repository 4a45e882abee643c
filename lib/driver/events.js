'use strict';

/** The events of a driver. Packages that use the driver directly read their fields. */
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
