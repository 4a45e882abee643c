'use strict';

// Fastify answers requests and has its server, whose upgrades to /rooms/NAME get a WebSocket in that room.
//
//   cd examples && npm install && node fastify.js

const fastify = require('fastify')();
const WebSocket = require('faye-websocket-rs');

fastify.get('/', async () => ({ rooms: '/rooms/NAME' }));

fastify.server.on('upgrade', (request, socket, head) => {
  const [, room] = /^\/rooms\/(\w+)$/.exec(request.url) || [];
  if (!WebSocket.isWebSocket(request) || !room) {
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
    return;
  }
  const ws = new WebSocket(request, socket, head, [], { ping: 30, maxLength: 64 * 1024 });
  ws.subscribe(room);
  ws.on('message', (event) => WebSocket.publish(room, event.data));
});

// Fastify waits for open sockets when it closes.
fastify.addHook('preClose', () => WebSocket.closeAll(1001, 'Restarting', 5));
process.once('SIGTERM', () => fastify.close());

fastify.listen({ port: process.env.PORT || 8000, host: '127.0.0.1' }).then((address) => console.log(`${address}/`));
