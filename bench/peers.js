'use strict';

/**
 * The servers under comparison. `ours` is the package this repository builds, or what `TARGET`
 * names (a path or a package); `oursStream` is the same with the kernel path switched off. Where
 * `BEFORE` names another checkout, built, `before` and `beforeStream` are that one.
 */

const path = require('node:path');

const located = (given) => (/^\.{0,2}[\\/]/.test(given) ? path.resolve(given) : given);

const target = located(process.env.TARGET || path.join(__dirname, '..'));

const STREAMS_ONLY = { FAYE_WEBSOCKET_KERNEL_SOCKET: '0' };

exports.target = target;

exports.peers = {
  ours: { title: 'faye-websocket-rs', script: 'faye.js', args: [target] },
  oursStream: {
    title: 'faye-websocket-rs, streams only',
    script: 'faye.js',
    args: [target],
    env: STREAMS_ONLY
  },
  ws: { title: 'ws', script: 'ws.js' },
  original: { title: 'faye-websocket', script: 'faye.js', args: ['faye-websocket'] },
  websocketNode: { title: 'WebSocket-Node', script: 'websocket-node.js' },
  net: { title: 'net.Socket', script: 'net.js', protocol: 'raw' }
};

if (process.env.BEFORE) {
  const args = [located(process.env.BEFORE)];
  exports.peers.before = { title: 'before', script: 'faye.js', args };
  exports.peers.beforeStream = {
    title: 'before, streams only', script: 'faye.js', args, env: STREAMS_ONLY
  };
}
