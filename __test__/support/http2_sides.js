'use strict';

// A server of HTTP/2 and clients of it. Everything is closed with its test.

const http2 = require('node:http2');
const { once } = require('node:events');

const { certificate } = require('./certificate');
const { WebSocket } = require('./package_under_test');
const { RawPeer } = require('./raw_peer');

let pair;

/**
 * A server that hands every request to `onStream(stream, headers)`; over TLS, HTTP/1.1 is spoken as well.
 *
 * @returns {Promise<{server: object, port: number, sessions: Set<object>}>}
 */
async function http2Server(t, onStream, { secure = false, settings } = {}) {
  const options = { allowHTTP1: true, settings: { enableConnectProtocol: true, ...settings } };
  const server = secure ? http2.createSecureServer({ ...options, ...(pair ||= certificate()) }) : http2.createServer(options);
  const sessions = new Set();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => sessions.delete(session));
  });
  server.on('sessionError', () => {});
  if (onStream) server.on('stream', onStream);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { server, port: server.address().port, sessions };
}

/** A session of Node's client, which knows what the server allows. */
async function connect(t, port, { secure = false, ...options } = {}) {
  const session = http2.connect(`${secure ? 'https' : 'http'}://127.0.0.1:${port}`, { rejectUnauthorized: false, ...options });
  session.on('error', () => {});
  t.after(() => session.destroy());
  await once(session, 'remoteSettings');
  return session;
}

/**
 * Asks for a WebSocket on a stream of its own.
 *
 * @returns {Promise<{peer: RawPeer, headers: object, stream: object}>} `headers` of the response
 */
async function request(session, headers = {}) {
  const stream = session.request({
    ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', 'sec-websocket-version': '13', ...headers,
  }, { endStream: false });
  const peer = new RawPeer(stream);
  const [answer] = await once(stream, 'response');
  return { peer, headers: answer, stream };
}

/**
 * Our server side with Node's client on a stream of its own session.
 *
 * @returns {Promise<{ws: object, peer: RawPeer, headers: object, session: object}>}
 */
async function openStream(t, { secure, protocols, settings, setUp, headers } = {}) {
  let made;
  const constructed = new Promise((resolve) => (made = resolve));
  const { port, sessions } = await http2Server(t, (stream, head) => {
    const ws = new WebSocket({ headers: head }, stream, null, protocols, settings);
    if (setUp) setUp(ws, stream);
    made(ws);
  }, { secure });
  const session = await connect(t, port, { secure });
  const side = await request(session, headers);
  return { ...side, ws: await constructed, session, sessions };
}

module.exports = { http2Server, connect, request, openStream };
