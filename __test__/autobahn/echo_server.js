'use strict';

// Echoes to the suite: fork('echo_server.js', [path]).

const http = require('node:http');
const http2 = require('node:http2');

const { WebSocket } = require('../support/package_under_test');
const { PATHS } = require('./cases');
const { bridge } = require('./http2_bridge');

const { settings, isHttp2 } = PATHS[process.argv[2]];

function echo(...connection) {
  const ws = new WebSocket(...connection, [], { deflate: true, ...settings });
  ws.on('message', ({ data }) => ws.send(data));
}

const server = isHttp2 ? http2.createServer({ settings: { enableConnectProtocol: true } }) : http.createServer();
if (isHttp2) server.on('stream', (stream, headers) => echo({ headers }, stream, null));
else server.on('upgrade', echo);
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  process.send(isHttp2 ? await bridge(port) : port);
});
process.on('disconnect', () => process.exit(0));
