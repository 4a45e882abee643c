'use strict';

// Express answers requests, and upgrades to /clock get a WebSocket that tells the time.
//
//   cd examples && npm install && node express.js

const http = require('node:http');
const express = require('express');
const WebSocket = require('faye-websocket-rs');

const app = express();
app.get('/', (request, response) => response.send('Connect a WebSocket to /clock.'));

const server = http.createServer(app);

server.on('upgrade', (request, socket, head) => {
  if (!WebSocket.isWebSocket(request) || request.url !== '/clock') {
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
    return;
  }
  const ws = new WebSocket(request, socket, head, [], { ping: 30 });
  const tell = () => ws.send(new Date().toISOString());
  const timer = setInterval(tell, 1000);
  ws.on('open', tell);
  ws.on('close', () => clearInterval(timer));
});

server.listen(process.env.PORT || 8000, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
