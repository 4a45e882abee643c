'use strict';

// SockJS depends on faye-websocket. The override in package.json has it load faye-websocket-rs instead, and nothing
// else changes; `npx faye-websocket-rs doctor` shows it.
//
//   cd examples && npm install && node sockjs.js

const http = require('node:http');
const sockjs = require('sockjs');

const echo = sockjs.createServer({ log() {} });
echo.on('connection', (connection) => {
  connection.on('data', (message) => connection.write(message));
});

const server = http.createServer();
echo.installHandlers(server, { prefix: '/echo' });
server.listen(process.env.PORT || 8000, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/echo`));
