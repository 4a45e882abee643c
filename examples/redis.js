'use strict';

// A chat of several processes behind one port: whoever is in a room hears everybody in it, whichever process has the
// connection, as Redis carries between them what is published. A process takes connections once it hears the others.
//
//   redis-server &
//   cd examples && npm install && node redis.js

const cluster = require('node:cluster');
const http = require('node:http');
const os = require('node:os');
const { createClient } = require('redis');
const WebSocket = require('faye-websocket-rs');
const { RedisAdapter } = require('faye-websocket-rs/redis');

const PROCESSES = Number(process.env.PROCESSES || os.availableParallelism());

function begin() {
  for (let i = 0; i < PROCESSES; i++) cluster.fork();
  cluster.on('exit', () => cluster.fork());
  let listening = 0;
  cluster.on('listening', (worker, { port }) => {
    if (++listening === PROCESSES) console.log(`${PROCESSES} processes at http://127.0.0.1:${port}/`);
  });
}

async function serve() {
  const [publisher, subscriber] = await Promise.all([1, 2].map(() => createClient({ url: process.env.REDIS_URL }).connect()));
  const adapter = new RedisAdapter({ publisher, subscriber });
  adapter.on('disconnect', () => console.log(`process ${process.pid} cannot hear the others`));
  WebSocket.useTopicAdapter(adapter);
  await adapter.subscribed;

  const server = http.createServer((request, response) => response.end('Connect a WebSocket to /ROOM.\n'));
  server.on('upgrade', (request, socket, head) => {
    if (!WebSocket.isWebSocket(request)) return socket.destroy();
    const ws = new WebSocket(request, socket, head, [], { ping: 30, maxLength: 64 * 1024 });
    const room = request.url;
    ws.subscribe(room);
    ws.on('open', () => ws.send(`process ${process.pid}`));
    ws.on('message', (event) => WebSocket.publish(room, event.data));
  });
  server.listen(process.env.PORT || 8000, '127.0.0.1');
}

if (cluster.isPrimary) begin();
else serve();
