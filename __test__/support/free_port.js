'use strict';

const net = require('node:net');
const { once } = require('node:events');

/** A TCP port that was free a moment ago, for programs that cannot bind to 0. */
async function freePort() {
  const server = net.createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

module.exports = { freePort };
