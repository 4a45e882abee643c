'use strict';

// A page, a WebSocket and an event stream on one connection of HTTP/2; clients of HTTP/1.1 have theirs on the same port.
//
//   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost \
//     -keyout key.pem -out cert.pem
//   node examples/http2/server.js key.pem cert.pem 8443

const fs = require('fs');
const http2 = require('http2');
const path = require('path');
const WebSocket = require('../..');

const [key, cert, port = '8443'] = process.argv.slice(2);

const server = http2.createSecureServer({
  key: fs.readFileSync(key),
  cert: fs.readFileSync(cert),
  allowHTTP1: true,
  // Without it no browser asks for a WebSocket over HTTP/2.
  settings: { enableConnectProtocol: true },
});

const numbers = new WeakMap();
let sessions = 0;
server.on('session', (session) => numbers.set(session, ++sessions));

/** How a request came: the number of its HTTP/2 session, or that it was HTTP/1.1. */
const way = (request) => (request.stream ? `HTTP/2, session ${numbers.get(request.stream.session)}` : 'HTTP/1.1');

function talk(ws) {
  const came = way(ws.request);
  console.log(`WebSocket: ${came}`);
  ws.on('message', ({ data }) => {
    ws.send(`${came}: ${data}`);
    if (data === 'bye') ws.close(1000, 'bye');
  });
  ws.on('close', ({ code }) => console.log(`closed: ${code}`));
}

server.on('request', (request, response) => {
  if (WebSocket.EventSource.isEventSource(request)) {
    new WebSocket.EventSource(request, response).send(`${way(request)}: an event`);
  } else if (request.url === '/') {
    console.log(`page: ${way(request)}`);
    response.setHeader('Content-Type', 'text/html');
    response.end(fs.readFileSync(path.join(__dirname, 'page.html')));
  } else {
    response.statusCode = 404;
    response.end();
  }
});

// Over HTTP/2: an extended CONNECT.
server.on('connect', (request, response) => {
  if (WebSocket.isWebSocket(request)) talk(new WebSocket(request, response, null, ['echo'], { deflate: true }));
  else response.writeHead(501).end();
});

// Over HTTP/1.1.
server.on('upgrade', (request, socket, head) => {
  if (WebSocket.isWebSocket(request)) talk(new WebSocket(request, socket, head, ['echo'], { deflate: true }));
  else socket.destroy();
});

server.listen(Number(port), () => console.log(`https://localhost:${server.address().port}/`));
process.on('SIGTERM', () => {
  server.close();
  WebSocket.closeAll().then(() => process.exit());
});
