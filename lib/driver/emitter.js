'use strict';

const { EventEmitter } = require('events');
const { Stream } = require('stream');

const { hasListeners } = require('../socket/node_internals');

/**
 * Emitters and legacy streams that may never have a listener, of which each connection has three: their table of listeners
 * is made with the first one.
 */
function LazyEmitter() {}
Object.setPrototypeOf(LazyEmitter.prototype, EventEmitter.prototype);

/** As LazyEmitter, for streams. */
function LazyStream() {}
Object.setPrototypeOf(LazyStream.prototype, Stream.prototype);

// That of Node's streams throws without that table.
/** @this {import('../contracts').LegacyStream} */
LazyStream.prototype.eventNames = function () {
  return hasListeners(this) ? Stream.prototype.eventNames.call(this) : [];
};

module.exports = {
  // TypeScript does not take functions for classes.
  LazyEmitter: /** @type {new () => EventEmitter} */ (/** @type {unknown} */ (LazyEmitter)),
  LazyStream: /** @type {new () => import('../contracts').LegacyStream} */ (/** @type {unknown} */ (LazyStream)),
};
