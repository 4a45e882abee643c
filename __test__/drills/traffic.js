'use strict';

// Traffic without an end in one thread: a server that echoes and clients of it that answer every echo.

const fs = require('node:fs');
const path = require('node:path');
const http = require('node:http');
const { once } = require('node:events');

const root = path.resolve(__dirname, '../..');

/** The package, or a further copy of it with the addon opened once more. */
function load(again = false) {
  if (again) {
    const own = fs.realpathSync(root) + path.sep;
    for (const file of Object.keys(require.cache)) {
      if (file.startsWith(own) && (file.startsWith(path.join(own, 'lib')) || file === path.join(own, 'index.js'))) delete require.cache[file];
    }
  }
  return require(root);
}

const MESSAGES = ['x', 'y'.repeat(300), Buffer.alloc(5000, 1), 'z'.repeat(20000), Buffer.alloc(200000, 2), ''];

/**
 * @param {object} WebSocket the package
 * @param {object} [options]
 * @param {number} [options.clients]
 * @param {boolean} [options.inflates] long compressed messages, which are inflated on another thread
 * @param {number} [options.pace] milliseconds before an echo is answered; without it, at once. Looked at each time
 * @returns {Promise<{port: number, messages: () => number}>} once every client has got an answer
 */
async function traffic(WebSocket, options = {}) {
  const { clients = 3, inflates = false } = options;
  const server = http.createServer();
  const settings = (i) => ({ deflate: inflates || i % 2 === 1, ...(i % 3 === 2 ? { kernelSocket: false } : {}) });
  let accepted = 0;
  let heard = 0;
  server.on('upgrade', (request, socket, head) => {
    const ws = new WebSocket(request, socket, head, [], settings(accepted++));
    ws.on('message', ({ data }) => ws.send(data));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const long = Buffer.from('a b c '.repeat(300000));
  await Promise.all(Array.from({ length: clients }, async (_, i) => {
    // A machine that is busy with hundreds of threads may take longer than a handshake is given by default.
    const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/`, [], { handshakeTimeout: 0, ...settings(i) });
    let sent = 0;
    const say = () => ws.send(inflates ? long : MESSAGES[sent++ % MESSAGES.length]);
    ws.on('message', () => {
      heard++;
      if (options.pace === undefined) say();
      else setTimeout(say, options.pace);
    });
    ws.on('open', say);
    ws.on('error', ({ message }) => { throw new Error(message); });
    await once(ws, 'message');
  }));
  return { port, messages: () => heard };
}

module.exports = { load, traffic };
