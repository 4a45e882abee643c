'use strict';

// Echoes to the suite: fork('echo_server.js', [path]).

const http = require('node:http');

const { WebSocket } = require('../support/package_under_test');
const { PATHS } = require('./cases');

const { settings } = PATHS[process.argv[2]];
const server = http.createServer();
server.on('upgrade', (request, socket, head) => {
  const ws = new WebSocket(request, socket, head, [], { deflate: true, ...settings });
  ws.on('message', ({ data }) => ws.send(data));
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('disconnect', () => process.exit(0));
