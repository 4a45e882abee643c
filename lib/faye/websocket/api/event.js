'use strict';

/**
 * An event. `fields` become own properties behind `type`, in their order.
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
 * Sets the fields of an event: the DOM's method for events made by `createEvent`.
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

// Events do not bubble and cannot be cancelled; these methods are for code that is written for the DOM.
Event.prototype.stopPropagation = function () {};
Event.prototype.preventDefault = function () {};

Event.CAPTURING_PHASE = 1;
Event.AT_TARGET = 2;
Event.BUBBLING_PHASE = 3;

module.exports = Event;
