'use strict';

// wss: with Node's own https, and a client that trusts its certificate. Make one and run it:
//
//   cd examples && npm install
//   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
//     -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem
//   node https.js cert.pem key.pem

const fs = require('node:fs');
const https = require('node:https');
const WebSocket = require('faye-websocket-rs');

const [cert, key] = process.argv.slice(2).map((file) => fs.readFileSync(file));
const server = https.createServer({ cert, key });

server.on('upgrade', (request, socket, head) => {
  const ws = new WebSocket(request, socket, head);
  ws.on('message', (event) => ws.send(`${event.data}, over ${socket.getProtocol()}`));
});

server.listen(process.env.PORT || 8443, 'localhost', () => {
  const url = `wss://localhost:${server.address().port}/`;
  console.log(url);

  const client = new WebSocket.Client(url, [], { ca: cert });
  client.on('open', () => client.send('Hello'));
  client.on('message', (event) => {
    console.log(event.data);
    client.close();
  });
  client.on('error', (event) => console.log(event.message));
});
