'use strict';

const WebSocket = require('./lib/faye/websocket');

module.exports = WebSocket;

// Plain assignments that Node's CommonJS lexer sees, so that `import { Client }` works.
module.exports.WebSocket = WebSocket;
module.exports.Client = WebSocket.Client;
module.exports.EventSource = WebSocket.EventSource;
module.exports.isWebSocket = WebSocket.isWebSocket;
module.exports.validateOptions = WebSocket.validateOptions;
module.exports.broadcast = WebSocket.broadcast;
module.exports.closeAll = WebSocket.closeAll;
module.exports.publish = WebSocket.publish;
module.exports.useTopicAdapter = WebSocket.useTopicAdapter;
// As they are; an assignment to a constant would throw.
Object.defineProperty(module.exports, 'native', { value: WebSocket.native });
Object.defineProperty(module.exports, 'CONNECTING', { value: 0 });
Object.defineProperty(module.exports, 'OPEN', { value: 1 });
Object.defineProperty(module.exports, 'CLOSING', { value: 2 });
Object.defineProperty(module.exports, 'CLOSED', { value: 3 });
