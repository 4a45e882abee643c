'use strict';

// A page that counts along by EventSource. The connection is cut every few events; the browser comes back by itself and
// says which event it had last, so that none is missing.
//
//   cd examples && npm install && node eventsource/server.js

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { EventSource } = require('faye-websocket-rs');

const INTERVAL = 100; // milliseconds between two events
const MOST = 5; // events of one connection

const page = fs.readFileSync(path.join(__dirname, 'page.html'));

function count(request, response) {
  const stream = new EventSource(request, response, { retry: 0.1 });
  const first = Number(request.headers['last-event-id'] || 0) + 1;
  let next = first;
  const timer = setInterval(() => {
    if (next === first + MOST) return stream.close();
    stream.send(`number ${next}`, { event: 'count', id: next });
    next++;
  }, INTERVAL);
  stream.on('close', () => clearInterval(timer));
}

const server = http.createServer((request, response) => {
  if (EventSource.isEventSource(request)) return count(request, response);
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
  response.end(page);
});

server.listen(process.env.PORT || 8000, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
