'use strict';

/** @import { WebSocketFields } from '../../contracts' */

const { pathOf } = require('./stats');

const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];

/**
 * A text about a WebSocket for people: `util.inspect` calls this function as a method.
 *
 * @this {WebSocketFields}
 * @param {number} depth
 * @param {import('util').InspectOptionsStylized} options
 * @param {typeof import('util').inspect} [inspect] of Node.js 16.14 on
 * @returns {string}
 */
function inspectSocket(depth, options, inspect = require('util').inspect) {
  const name = `${this.constructor.name} (${this._role})`;
  if (depth < 0 || !this._driver) return options.stylize(`[${name}]`, 'special');
  const shown = {
    url: String(this.url),
    readyState: STATES[this.readyState],
    protocol: this.protocol,
    version: this.version,
    path: pathOf(this),
    bufferedAmount: this.bufferedAmount,
    ...(this.isPaused && { isPaused: true }),
    ...(this._closeParams && { code: this._closeParams[1], reason: this._closeParams[0] }),
  };
  return `${name} ${inspect(shown, { ...options, depth: options.depth === null ? null : depth })}`;
}

module.exports = inspectSocket;
