'use strict';

// Opening handshakes as bytes: requests for the server side, responses for
// the client side.

const crypto = require('node:crypto');

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

// Key pair and body of the draft-76 document, and its answer.
const HIXIE76 = {
  key1: '1   38 wZ3f9 23O0 3l 0r',
  key2: '27   0E 6 2  1665:< ;U 1H',
  body: Buffer.from('91253ed3a9e76a88', 'hex'),
  answer: Buffer.from('b49c6e4053040426e51bbf6cb79f1df9', 'hex')
};

function accept(key) {
  return crypto.createHash('sha1').update(key + GUID).digest('base64');
}

function lines(first, headers) {
  const out = [first];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) out.push(`${name}: ${one}`);
  }
  return out.join('\r\n') + '\r\n\r\n';
}

/** A client's request; a header set to `undefined` is left out. */
function request(headers = {}, { path = '/', method = 'GET' } = {}) {
  return lines(`${method} ${path} HTTP/1.1`, {
    Host: 'www.example.com',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    ...headers
  });
}

/** A draft-75 request. */
function request75(headers = {}, options = {}) {
  return lines(`GET ${options.path || '/'} HTTP/1.1`, {
    Host: 'www.example.com',
    Upgrade: 'WebSocket',
    Connection: 'Upgrade',
    Origin: 'http://www.example.com',
    ...headers
  });
}

/** A draft-76 request, without its eight byte body. */
function request76(headers = {}, options = {}) {
  return request75({ 'Sec-WebSocket-Key1': HIXIE76.key1, 'Sec-WebSocket-Key2': HIXIE76.key2, ...headers }, options);
}

/** A server's answer to the client whose request head is given. */
function response(head, headers = {}, first = 'HTTP/1.1 101 Switching Protocols') {
  const key = field(head, 'Sec-WebSocket-Key');
  return lines(first, {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': accept(key),
    ...headers
  });
}

/** The value of a header in a head, or undefined. */
function field(head, name) {
  const found = new RegExp(`^${name}: *(.*?)\\r?$`, 'im').exec(head);
  return found ? found[1] : undefined;
}

module.exports = { KEY, ACCEPT, HIXIE76, accept, request, request75, request76, response, field };
