'use strict';

// One open connection on each path that bytes can take through the package: the side under test, and what its
// peer writes.

const dns = require('node:dns');

const { WebSocket } = require('./package_under_test');
const { openStream } = require('./http2_sides');
const { dialTLS, httpServer, rawServer } = require('./sides');
const { RawPeer } = require('./raw_peer');
const { pair, ca } = require('./network');
const handshakes = require('./handshakes');
const frames = require('./frames');

/**
 * Whether Node's loop can be watched: server sockets are then read past their streams, and clients dialled
 * natively unless an option asks for Node's net and tls.
 */
const hasLoop = ['linux', 'darwin'].includes(process.platform) && process.env.FAYE_WEBSOCKET_KERNEL_SOCKET !== '0';

async function server(t, { secure, settings, setUp, headers }) {
  let made;
  const constructed = new Promise((resolve) => (made = resolve));
  const { port } = await httpServer(t, (request, socket, head) => {
    const ws = new WebSocket(request, socket, head, [], settings);
    if (setUp) setUp(ws, socket);
    made(ws);
  }, secure ? { tls: pair('server') } : {});
  const peer = secure ? await dialTLS(port) : await RawPeer.connect(port);
  t.after(() => peer.destroy());
  peer.write(Buffer.from(handshakes.request(headers), 'latin1'));
  await peer.head();
  return { ws: await constructed, peer, frame: frames.masked };
}

async function client(t, { secure, settings, setUp, headers }) {
  const { port, accept } = await rawServer(t, secure ? { tls: pair('server') } : {});
  const ws = new WebSocket.Client(`${secure ? 'wss' : 'ws'}://127.0.0.1:${port}/`, [], { tls: { ca }, ...settings });
  t.after(() => ws._stream.destroy());
  const opened = new Promise((resolve) => ws.once('open', resolve));
  if (setUp) setUp(ws, ws._stream);
  const peer = await accept();
  peer.write(Buffer.from(handshakes.response(await peer.head(), headers), 'latin1'));
  await opened;
  return { ws, peer, frame: frames.frame };
}

async function stream(t, { secure, settings, setUp, headers = {} }) {
  const { ws, peer } = await openStream(t, {
    secure,
    settings,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    setUp(ws, stream) {
      // Node's streams of HTTP/2 do not count what they read, as its sockets do.
      let bytesRead = 0;
      stream.prependListener('data', (chunk) => { bytesRead += chunk.length; });
      if (setUp) setUp(ws, stream);
      Object.defineProperty(stream, 'bytesRead', { get: () => bytesRead });
    },
  });
  return { ws, peer, frame: frames.masked };
}

// Harmless, and nothing that a native connection could honour.
const throughNode = { net: { lookup: dns.lookup } };

const PATHS = {
  'server, kernel path': [server, {}],
  'server, streams': [server, { settings: { kernelSocket: false } }],
  'server, TLS': [server, { secure: true }],
  'server, HTTP/2': [stream, { secure: true }],
  'client, ws': [client, {}],
  'client, wss': [client, { secure: true }],
  'client, ws through Node': [client, { settings: throughNode }],
  'client, wss through Node': [client, { secure: true, settings: throughNode }],
};

/**
 * @param {string} path one of `names`
 * @param {object} [options] `settings` for the constructor, `setUp(ws, stream)` to run in its tick,
 *   `headers` of the peer's half of the handshake
 * @returns {Promise<{ws: object, peer: RawPeer, frame: Function}>} `frame` makes a frame of the peer's
 */
function open(t, path, { settings, setUp, headers } = {}) {
  const [side, own] = PATHS[path];
  return side(t, { ...own, settings: { ...own.settings, ...settings }, setUp, headers });
}

// Without the paths past Node's streams every client goes through Node.
const names = Object.keys(PATHS).filter((name) => hasLoop || !/^client, wss?$/.test(name));

/** Whether the loop can be run by a listener: a session of HTTP/2 parses what it has read in one call of its library. */
const runsLoop = (name) => name !== 'server, HTTP/2';

/** Whether the peer can go without an end: Node's client of HTTP/2 ends a stream before it resets it. */
const resets = (name) => name !== 'server, HTTP/2';

/** Whether the path leads past Node's streams. */
const isPast = (name) => hasLoop && ['server, kernel path', 'client, ws', 'client, wss'].includes(name);

module.exports = { hasLoop, names, open, isPast, runsLoop, resets };
