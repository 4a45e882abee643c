'use strict';

/**
 * What listeners receive. `fields` become own properties after `type`, in their own order.
 *
 * @this {any}
 * @param {string} eventType
 * @param {{ [name: string]: unknown }} [fields]
 */
function Event(eventType, fields) {
  this.type = eventType;
  for (const key in fields) this[key] = fields[key];
}

/**
 * The DOM's old way to begin an event.
 *
 * @this {any}
 * @param {string} eventType
 * @param {boolean} canBubble
 * @param {boolean} cancelable
 */
Event.prototype.initEvent = function (eventType, canBubble, cancelable) {
  this.type = eventType;
  this.bubbles = canBubble;
  this.cancelable = cancelable;
};

// Nothing bubbles and nothing can be cancelled; both exist for code written against the DOM.
Event.prototype.stopPropagation = function () {};
Event.prototype.preventDefault = function () {};

Event.CAPTURING_PHASE = 1;
Event.AT_TARGET = 2;
Event.BUBBLING_PHASE = 3;

module.exports = Event;
