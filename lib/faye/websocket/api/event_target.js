'use strict';

const Event = require('./event');

/** The DOM's face of an EventEmitter: a mix-in for the prototypes of WebSocket and EventSource. */
const EventTarget = {
  onopen: null,
  onmessage: null,
  onerror: null,
  onclose: null,

  addEventListener(eventType, listener, useCapture) { // eslint-disable-line no-unused-vars
    this.on(eventType, listener);
  },

  removeEventListener(eventType, listener, useCapture) { // eslint-disable-line no-unused-vars
    this.removeListener(eventType, listener);
  },

  /** The `on…` handler first, then the listeners; either may be absent. */
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
