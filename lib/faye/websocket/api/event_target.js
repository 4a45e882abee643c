'use strict';

const Event = require('./event');

/** The DOM's EventTarget on top of an EventEmitter: methods for the prototypes of WebSocket and EventSource. */
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
   * @param {unknown} [useCapture] ignored
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
   * @param {unknown} [useCapture] ignored
   */
  removeEventListener(eventType, listener, useCapture) { // eslint-disable-line no-unused-vars
    this.removeListener(eventType, listener);
  },

  /**
   * Calls the `on…` handler first, and then the listeners.
   *
   * @this {any}
   * @param {any} event
   */
  dispatchEvent(event) {
    event.target = event.currentTarget = this;
    event.eventPhase = Event.AT_TARGET;

    const handler = 'on' + event.type;
    if (this[handler]) this[handler](event);

    // An emitter throws at 'error' without a listener. After an application has called
    // removeAllListeners(), a peer must not be able to cause that.
    if (event.type === 'error' && this.listenerCount('error') === 0) return;
    this.emit(event.type, event);
  },
};

module.exports = EventTarget;
