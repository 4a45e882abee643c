'use strict';

// Servers that the matrix of dialling connects to, by name. Each is started when it is asked for first.

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const path = require('node:path');
const { once } = require('node:events');
const { WebSocketServer } = require('ws');

/** Takes what OpenSSL has switched off by default: old versions, short keys. */
const ANYTHING = 'DEFAULT:@SECLEVEL=0';

const old = (version) => ({ minVersion: version, maxVersion: version, ciphers: ANYTHING });
const only = (ciphers, more) => ({ maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0`, ...more });

/** Options of `https.createServer`, or the kind of another server. */
const SERVERS = {
  plain: 'http',
  'no TLS': 'greeting',
  good: {},
  'TLS 1.0': old('TLSv1'),
  'TLS 1.1': old('TLSv1.1'),
  'TLS 1.2': { maxVersion: 'TLSv1.2' },
  'TLS 1.3': { minVersion: 'TLSv1.3' },
  'DHE of 1024 bits': only('DHE-RSA-AES128-GCM-SHA256', { dhparam: 'dh1024.pem' }),
  'AES128-SHA': only('AES128-SHA'),
  'AES256-GCM-SHA384': only('AES256-GCM-SHA384'),
  'CAMELLIA128-SHA': only('CAMELLIA128-SHA'),
  'ECDHE-RSA-AES256-GCM-SHA384': only('ECDHE-RSA-AES256-GCM-SHA384'),
  'AECDH-AES256-SHA': only('AECDH-AES256-SHA'),
  'P-384': { ecdhCurve: 'P-384' },
  'self-signed': { name: 'self-signed' },
  'chain without its middle': { name: 'below-intermediate' },
  'whole chain': { name: 'below-intermediate', chain: ['intermediate'] },
  'below weak authority': { name: 'below-weak-ca', ciphers: ANYTHING },
  'weak key': { name: 'weak-key', ciphers: ANYTHING },
  'SHA-1': { name: 'sha1', ciphers: ANYTHING },
  // It refuses by the answer to the request. What Node refuses of a certificate it refuses when the handshake is over, by
  // destroying a socket that a request may have come to: the client is told of an end or of a reset, as it happens.
  'client certificate, not enforced': { requestCert: true, rejectUnauthorized: false },
  'client certificate': { requestCert: true, rejectUnauthorized: true },
  'client certificate, TLS 1.2': { requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' },
  expired: { fixture: 'expired' },
  'wrong name': { fixture: 'wrong-name' },
};

const FIXTURES = path.join(__dirname, '..', 'fixtures', 'tls');

function settings(folder, { name = 'server', chain = [], fixture, dhparam, ...options }) {
  const from = fixture ? path.join(FIXTURES, fixture) : path.join(folder, name);
  const read = (file) => fs.readFileSync(file, 'latin1');
  return {
    ...options,
    cert: [`${from}.crt`, ...chain.map((each) => path.join(folder, `${each}.crt`))].map(read).join(''),
    key: read(`${from}.key`),
    // A server sends what it trusts along, if that has signed its certificate.
    ca: options.requestCert && read(path.join(folder, 'ca.crt')),
    dhparam: dhparam && read(path.join(folder, dhparam)),
  };
}

function make(folder, kind) {
  if (kind === 'greeting') return net.createServer((socket) => socket.on('error', () => {}).end('220 smtp.example\r\n'));
  const server = kind === 'http' ? http.createServer() : https.createServer(settings(folder, kind));
  const websockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    if (kind.requestCert && !socket.authorized) return socket.end();
    websockets.handleUpgrade(request, socket, head, (ws) => ws.on('message', (text) => ws.send(String(text))));
  });
  return server;
}

/** Servers with the certificates of `folder`. */
class Servers {
  constructor(folder) {
    this._folder = folder;
    this._started = new Map();
    this._sockets = new Set();
  }

  /** Port of the server of that name. */
  port(name) {
    if (!this._started.has(name)) this._started.set(name, this._start(SERVERS[name]));
    return this._started.get(name).then((server) => server.address().port);
  }

  async _start(kind) {
    const server = make(this._folder, kind);
    server.on('connection', (socket) => {
      this._sockets.add(socket);
      socket.on('error', () => {}).on('close', () => this._sockets.delete(socket));
    });
    for (const type of ['tlsClientError', 'clientError']) server.on(type, (error, socket) => socket.destroy());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }

  async close() {
    for (const started of this._started.values()) (await started).close();
    for (const socket of this._sockets) socket.destroy();
  }
}

module.exports = Servers;
