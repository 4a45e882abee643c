'use strict';

const Event = require('./event');

/** The DOM's face of an EventEmitter: a mix-in for the prototypes of WebSocket and EventSource. */
const EventTarget = {
  onopen: /** @type {Function | null} */ (null),
  onmessage: /** @type {Function | null} */ (null),
  onerror: /** @type {Function | null} */ (null),
  onclose: /** @type {Function | null} */ (null),

  /**
   * As `on`.
   *
   * @this {any}
   * @param {string} eventType
   * @param {(event: any) => void} listener
   * @param {unknown} [useCapture] means nothing
   */
  addEventListener(eventType, listener, useCapture) { // eslint-disable-line no-unused-vars
    this.on(eventType, listener);
  },

  /**
   * As `removeListener`.
   *
   * @this {any}
   * @param {string} eventType
   * @param {(event: any) => void} listener
   * @param {unknown} [useCapture] means nothing
   */
  removeEventListener(eventType, listener, useCapture) { // eslint-disable-line no-unused-vars
    this.removeListener(eventType, listener);
  },

  /**
   * The `on…` handler first, then the listeners; either may be absent.
   *
   * @this {any}
   * @param {any} event
   */
  dispatchEvent(event) {
    event.target = event.currentTarget = this;
    event.eventPhase = Event.AT_TARGET;

    const handler = 'on' + event.type;
    if (this[handler]) this[handler](event);

    // An emitter throws on an `error` nobody listens to; a peer must not be able to cause that
    // once an application has called removeAllListeners().
    if (event.type === 'error' && this.listenerCount('error') === 0) return;
    this.emit(event.type, event);
  },
};

module.exports = EventTarget;
