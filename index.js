'use strict';

const WebSocket = require('./lib/faye/websocket');

module.exports = WebSocket;

// Plain assignments that Node's CommonJS lexer sees, so that `import { Client }` works.
module.exports.WebSocket = WebSocket;
module.exports.Client = WebSocket.Client;
module.exports.EventSource = WebSocket.EventSource;
module.exports.isWebSocket = WebSocket.isWebSocket;
module.exports.validateOptions = WebSocket.validateOptions;
