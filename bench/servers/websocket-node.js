'use strict';

// The npm package `websocket` (WebSocket-Node).

const { server: WebSocketServer } = require('websocket');

const child = require('./child');

const server = child.createHttpServer();
const wss = new WebSocketServer({
  httpServer: server,
  autoAcceptConnections: true,
  maxReceivedFrameSize: child.MAX_LENGTH,
  maxReceivedMessageSize: child.MAX_LENGTH,
  keepalive: false
});
const sockets = new Set();

const echo = (connection) => {
  connection.on('message', (message) => {
    if (message.type === 'utf8') connection.sendUTF(message.utf8Data);
    else connection.sendBytes(message.binaryData);
  });
};

const broadcast = (connection) => {
  const { message, perTurn } = child.broadcast();
  sockets.add(connection);
  connection.on('close', () => sockets.delete(connection));
  connection.on('message', () => {
    for (let i = 0; i < perTurn; i++) for (const socket of sockets) socket.sendUTF(message);
  });
};

wss.on('connect', child.task === 'broadcast' ? broadcast : echo);

child.serve(server, { version: require('websocket/package.json').version });
