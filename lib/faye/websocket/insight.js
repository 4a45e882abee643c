'use strict';

/** @import { WebSocketFields } from '../../contracts' */

const { channel } = require('diagnostics_channel');

/**
 * Channels of `node:diagnostics_channel` about all connections of this thread. Callers of `tell` ask `hasSubscribers` first:
 * without subscribers no message is made.
 */
const channels = {
  open: channel('faye-websocket:open'),
  close: channel('faye-websocket:close'),
  error: channel('faye-websocket:error'),
  ping: channel('faye-websocket:ping'),
  pong: channel('faye-websocket:pong'),
};

/**
 * Publishes to a channel that has subscribers.
 *
 * @param {keyof typeof channels} name
 * @param {WebSocketFields} socket
 * @param {object} [more] members of the message beside `websocket` and `role`
 */
function tell(name, socket, more) {
  channels[name].publish({ websocket: socket, role: socket._role, ...more });
}

module.exports = { channels, tell };
