'use strict';

const { EventEmitter } = require('events');
const { Stream } = require('stream');

const { hasListeners } = require('../socket/node_internals');

/**
 * Emitters and legacy streams that nobody may ever listen to, such as there are three of for each
 * connection: they get their table of listeners with the first listener.
 */
function LazyEmitter() {}
Object.setPrototypeOf(LazyEmitter.prototype, EventEmitter.prototype);

/** As LazyEmitter, for streams. */
function LazyStream() {}
Object.setPrototypeOf(LazyStream.prototype, Stream.prototype);

// Node's own, in streams, is lost without that table.
/** @this {import('../contracts').LegacyStream} */
LazyStream.prototype.eventNames = function () {
  return hasListeners(this) ? Stream.prototype.eventNames.call(this) : [];
};

module.exports = {
  // Functions are no classes to TypeScript.
  LazyEmitter: /** @type {new () => EventEmitter} */ (/** @type {unknown} */ (LazyEmitter)),
  LazyStream: /** @type {new () => import('../contracts').LegacyStream} */ (/** @type {unknown} */ (LazyStream)),
};
