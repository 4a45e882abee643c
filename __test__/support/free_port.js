'use strict';

const net = require('node:net');
const { once } = require('node:events');

/** Ports below those that systems choose, which other tests are given as soon as they are free. */
const [LEAST, COUNT] = [20000, 12000];

/** A TCP port that was free a moment ago, for programs that cannot bind to 0. */
async function freePort() {
  for (;;) {
    const port = LEAST + Math.floor(Math.random() * COUNT);
    const server = net.createServer();
    const isFree = await new Promise((resolve) => {
      server.once('error', () => resolve(false)).listen(port, () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

module.exports = { freePort };
