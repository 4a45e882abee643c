'use strict';

const { EventEmitter } = require('events');
const { Stream } = require('stream');

/**
 * Emitters and legacy streams that nobody may ever listen to, such as there are three of for each
 * connection: they get their table of listeners with the first listener.
 */
function LazyEmitter() {}
Object.setPrototypeOf(LazyEmitter.prototype, EventEmitter.prototype);

function LazyStream() {}
Object.setPrototypeOf(LazyStream.prototype, Stream.prototype);

module.exports = { LazyEmitter, LazyStream };
