'use strict';

/**
 * The servers under comparison. `ours` is the package this repository builds, or what `TARGET`
 * names (a path or a package); `oursStream` is the same with the kernel path switched off. Where
 * `BEFORE` names another checkout, built, `before` and `beforeStream` are that one; where `UWEBSOCKETS` names a checkout
 * of that, with uSockets in it, `uwebsockets` is a native program. A peer that is `like` another takes part where that one does.
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
  // Only where it is asked for: what subscribers of the diagnostics channels cost.
  oursWatched: { title: 'faye-websocket-rs, watched', script: 'faye.js', args: [target], env: { BENCH_WATCHED: '1' }, like: 'ours', isOptional: true },
  // The core as WebAssembly, which is where no binary loads.
  oursWasm: { title: 'faye-websocket-rs, WebAssembly', script: 'faye.js', args: [target], env: { FAYE_WEBSOCKET_WASM: '1' }, like: 'oursStream', isOptional: true },
  ws: { title: 'ws', script: 'ws.js' },
  original: { title: 'faye-websocket', script: 'faye.js', args: ['faye-websocket'] },
  websocketNode: { title: 'WebSocket-Node', script: 'websocket-node.js' },
  net: { title: 'net.Socket', script: 'net.js', protocol: 'raw' }
};

if (process.env.BEFORE) {
  const args = [located(process.env.BEFORE)];
  exports.peers.before = { title: 'before', script: 'faye.js', args, like: 'ours' };
  exports.peers.beforeStream = {
    title: 'before, streams only', script: 'faye.js', args, env: STREAMS_ONLY, like: 'oursStream'
  };
}

if (process.env.UWEBSOCKETS) {
  exports.peers.uwebsockets = {
    title: 'uWebSockets (native)', script: 'uwebsockets.js', args: [path.resolve(process.env.UWEBSOCKETS)], like: 'oursStream'
  };
}
