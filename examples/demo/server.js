'use strict';

// npm start: a small chat over WebSocket. A page for the browser, and a client of ours in this terminal.
//
//   PORT=8000 HOST=127.0.0.1 node examples/demo/server.js

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const WebSocket = require('../..');
const { joinFromTerminal } = require('./terminal');

const page = fs.readFileSync(path.join(__dirname, 'page.html'));
const host = process.env.HOST || '127.0.0.1';
const people = new Map(); // WebSocket -> name
const LAST = 20; // messages that a newcomer sees
const said = [];
let guests = 0;

const server = http.createServer((request, response) => {
  if (request.method !== 'GET' || new URL(request.url, 'http://localhost').pathname !== '/') {
    response.writeHead(404, { 'Content-Type': 'text/plain' });
    response.end('There is only one page here: /\n');
    return;
  }
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' });
  response.end(page);
});

server.on('upgrade', (request, socket, head) => {
  if (!WebSocket.isWebSocket(request)) {
    socket.destroy();
    return;
  }
  welcome(new WebSocket(request, socket, head, ['chat'], { maxLength: 64 * 1024, ping: 30 }), request);
});

function welcome(ws, request) {
  const wanted = new URL(request.url, 'http://localhost').searchParams.get('name');
  const name = wanted ? wanted.slice(0, 20) : `guest ${++guests}`;
  ws.on('open', () => {
    ws.send(JSON.stringify({ kind: 'earlier', messages: said }));
    people.set(ws, name);
    tellEveryone({ kind: 'joined', name, people: people.size });
  });
  ws.on('message', ({ data }) => {
    if (typeof data !== 'string') return ws.send(data); // binary comes straight back
    said.push({ kind: 'said', name, text: data });
    if (said.length > LAST) said.shift();
    tellEveryone(said.at(-1));
  });
  ws.on('close', () => {
    if (people.delete(ws)) tellEveryone({ kind: 'left', name, people: people.size });
  });
}

function tellEveryone(news) {
  const text = JSON.stringify(news);
  for (const ws of people.keys()) ws.send(text);
}

function listening() {
  const { port } = server.address();
  const shown = `${host === '127.0.0.1' ? 'localhost' : host}:${port}`;
  console.log(`\nfaye-websocket-rs is listening. Open this page in a browser:\n\n    http://${shown}/\n`);
  console.log('Open it twice to talk to yourself. Ctrl-C stops the server.\n');
  const leave = joinFromTerminal(`ws://${host}:${port}/?name=terminal`);

  let stopping = false;
  function stop() {
    if (stopping) process.exit(1); // a second Ctrl-C does not wait
    stopping = true;
    console.log('\nStopping ...');
    leave();
    for (const ws of people.keys()) ws.close(1000, 'The server stops');
    server.close(() => console.log('Stopped.'));
    server.closeAllConnections();
  }
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

server.once('error', (error) => {
  if (error.code !== 'EADDRINUSE' || process.env.PORT) {
    console.error(`Cannot listen on ${host}: ${error.message}`);
    process.exitCode = 1;
    return;
  }
  console.log('Port 8000 is in use; taking a free one.');
  server.listen(0, host, listening);
});
server.listen(Number(process.env.PORT || 8000), host, listening);
