'use strict';

// The servers of a soak: past Node's streams, on them, over TLS, each with and without compression. They echo; a
// message that begins with `flood` is answered by as much as the socket takes.

const fs = require('node:fs');
const path = require('node:path');
const http = require('node:http');
const https = require('node:https');
const { once } = require('node:events');

const { WebSocket } = require('../support/package_under_test');
const { answerSamples } = require('./sample');

const FLOOD = Buffer.alloc(30000, 'flood ');
const tlsFile = (name) => fs.readFileSync(path.join(__dirname, '../fixtures/tls', name));
const open = new Set();

function flood(ws) {
  // Until it is congested: the peer reads slowly.
  for (let i = 0; i < 200 && ws.send(FLOOD); i++);
}

function accept(settings) {
  let accepted = 0;
  return (request, socket, head) => {
    const ws = new WebSocket(request, socket, head, [], { ...settings, deflate: accepted++ % 2 === 1 });
    open.add(ws);
    ws.on('message', ({ data }) => {
      if (data === 'flood') flood(ws);
      else if (data === 'leave') ws.close(1000, 'as you wish');
      else if (data === 'abort') socket.destroy();
      else ws.send(data);
    });
    ws.on('close', () => open.delete(ws));
  };
}

async function main() {
  const servers = [
    http.createServer().on('upgrade', accept({})),
    http.createServer().on('upgrade', accept({ kernelSocket: false })),
    https.createServer({ cert: tlsFile('server.crt'), key: tlsFile('server.key') }).on('upgrade', accept({})),
  ];
  const urls = [];
  for (const [i, server] of servers.entries()) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    urls.push(`${i === 2 ? 'wss' : 'ws'}://localhost:${server.address().port}/`);
  }
  answerSamples(() => ({ open: open.size }));
  process.send({ urls });
}

main();
