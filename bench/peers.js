'use strict';

/**
 * The servers under comparison. `ours` is the package this repository builds, or what `TARGET`
 * names (a path or a package); `oursStream` is the same with the kernel path switched off.
 */

const path = require('node:path');

const given = process.env.TARGET || path.join(__dirname, '..');
const target = /^\.{0,2}[\\/]/.test(given) ? path.resolve(given) : given;

exports.target = target;

exports.peers = {
  ours: { title: 'faye-websocket-rs', script: 'faye.js', args: [target] },
  oursStream: {
    title: 'faye-websocket-rs, streams only',
    script: 'faye.js',
    args: [target],
    env: { FAYE_WEBSOCKET_KERNEL_SOCKET: '0' }
  },
  ws: { title: 'ws', script: 'ws.js' },
  original: { title: 'faye-websocket', script: 'faye.js', args: ['faye-websocket'] },
  websocketNode: { title: 'WebSocket-Node', script: 'websocket-node.js' },
  net: { title: 'net.Socket', script: 'net.js', protocol: 'raw' }
};
