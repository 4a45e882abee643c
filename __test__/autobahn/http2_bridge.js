'use strict';

// The suite speaks HTTP/1.1 only: what it sends is passed on to a server of HTTP/2, each connection on a stream of one
// session. Of the handshake the bridge takes the suite's half; the extensions are the server's to choose.

const http2 = require('node:http2');
const net = require('node:net');
const { once } = require('node:events');

const { RawPeer } = require('../support/raw_peer');
const { accept, field } = require('../support/handshakes');

const HEADERS = ['sec-websocket-version', 'sec-websocket-extensions', 'sec-websocket-protocol'];

/** What Node takes for an absent header. */
const present = (entries) => Object.fromEntries(entries.filter(([, value]) => value !== undefined));

/** Joins a connection of the suite's to a stream. */
async function join(session, socket) {
  const head = await new RawPeer(socket).head();
  const stream = session.request({
    ':method': 'CONNECT', ':protocol': 'websocket', ':path': head.split(' ')[1],
    ...present(HEADERS.map((name) => [name, field(head, name)])),
  }, { endStream: false });
  stream.on('error', () => socket.destroy());
  socket.on('close', () => stream.close(http2.constants.NGHTTP2_CANCEL));
  const [answer] = await once(stream, 'response');
  if (answer[':status'] !== 200) return socket.end(`HTTP/1.1 ${answer[':status']} Refused\r\n\r\n`);
  const lines = Object.entries({
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': accept(field(head, 'sec-websocket-key')),
    ...present([['Sec-WebSocket-Extensions', answer['sec-websocket-extensions']]]),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
  socket.removeAllListeners('data');
  socket.pipe(stream);
  stream.pipe(socket);
}

/**
 * @param {number} port of the server of HTTP/2
 * @returns {Promise<number>} the port for the suite
 */
async function bridge(port) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  await once(session, 'remoteSettings');
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    join(session, socket).catch(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

module.exports = { bridge };
