'use strict';

// Messages for many subscribers of a topic, sent in one of several ways: `publish` from the thread that has the
// sockets, `threads` from another thread, `broadcast` to a set of them, or `send` to one after the other.

const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const child = require('./child');

const [folder, way] = isMainThread ? process.argv.slice(2) : workerData;
const WebSocket = require(folder);
const TOPIC = 'news';

/** Serves subscribers; a message of theirs has `ask` called. */
function serve(server, ask) {
  const sockets = new Set();
  server.on('upgrade', (request, socket, body) => {
    const ws = new WebSocket(request, socket, body);
    if (way === 'publish' || way === 'threads') ws.subscribe(TOPIC);
    sockets.add(ws);
    ws.onclose = () => sockets.delete(ws);
    ws.onmessage = () => ask(sockets);
  });
}

const { message, perTurn } = child.broadcast();
const ways = {
  publish: () => WebSocket.publish(TOPIC, message),
  broadcast: (sockets) => WebSocket.broadcast(sockets, message),
  send: (sockets) => { for (const socket of sockets) socket.send(message); }
};

function answer(sockets) {
  for (let i = 0; i < perTurn; i++) ways[way === 'threads' ? 'publish' : way](sockets);
}

if (!isMainThread) {
  const server = require('node:http').createServer().listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
  serve(server, () => parentPort.postMessage('ask'));
} else if (way === 'threads') {
  const worker = new Worker(__filename, { workerData: [folder, way] });
  worker.once('message', (port) => {
    worker.on('message', answer);
    child.serve({ on() {}, listen: (where, done) => done(), address: () => ({ port }) });
  });
} else {
  const server = child.createHttpServer();
  serve(server, answer);
  child.serve(server);
}
