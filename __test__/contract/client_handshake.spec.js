'use strict';

// The client's opening handshake: the bytes of its request, URLs, and what it makes of a response.
//
// Held here against the original (on websocket-driver 0.8.0): D10/B51 (credentials), D22 (requireProtocol), B28
// (token lists), B36/D17 (line breaks), B38 (Content-Length of a 101).

const assert = require('node:assert');

const { it, differs } = require('../support/spec');
const { WebSocket } = require('../support/package_under_test');
const { clientSide, rawServer } = require('../support/sides');
const { record, next } = require('../support/record');
const { TEXT, frame } = require('../support/frames');
const { ACCEPT, response } = require('../support/handshakes');

it('client: the bytes of its request', async (t) => {
  const { head, port } = await clientSide(t, {
    path: '/chat?x=1#fragment',
    protocols: ['foo', 'bar'],
    settings: { headers: { 'X-One': ' a ', 'x-one': 'ignored', Host: 'ignored', Origin: 'http://o' } }
  });
  assert.match(
    head,
    new RegExp(
      `^GET /chat\\?x=1 HTTP/1\\.1\\r\\nHost: 127\\.0\\.0\\.1:${port}\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n` +
        'Sec-WebSocket-Key: [A-Za-z0-9+/]{22}==\\r\\nSec-WebSocket-Version: 13\\r\\n' +
        'Sec-WebSocket-Protocol: foo, bar\\r\\nX-One: a\\r\\nOrigin: http://o\\r\\n\\r\\n$'
    )
  );
});

it('client: a key of its own for every connection', async (t) => {
  const keys = new Set();
  for (let i = 0; i < 5; i++) {
    const { head } = await clientSide(t);
    keys.add(/Sec-WebSocket-Key: (.*)\r/.exec(head)[1]);
  }
  assert.strictEqual(keys.size, 5);
});

for (const [suffix, target] of [
  ['', '/'],
  ['?x', '/?x'],
  ['/a b', '/a%20b'],
  ['/ü', '/%C3%BC'],
  ['/a?b c', '/a?b%20c'],
  ['/a\\b', '/a/b'],
  ['/%41?%zz', '/%41?%zz']
]) {
  it(`client: the request target of ${JSON.stringify(suffix)}`, async (t) => {
    const { head } = await clientSide(t, { path: suffix });
    assert.strictEqual(head.split('\r\n')[0], `GET ${target} HTTP/1.1`);
  });
}

for (const [credentials, expected] of [
  ['user:pass@', 'user:pass'],
  ['', undefined]
]) {
  it(`client: credentials ${credentials || 'none'}`, async (t) => {
    const { head } = await clientSide(t, { credentials });
    const sent = /Authorization: Basic (.*)\r/.exec(head)?.[1];
    assert.strictEqual(sent && Buffer.from(sent, 'base64').toString(), expected);
  });
}

for (const [credentials, expected] of [
  ['u:p%40ss@', 'u:p@ss'],
  ['user@', 'user:'],
  ['user:@', 'user:'],
  [':pass@', ':pass']
]) {
  differs('B51', `client: credentials ${credentials}`, async (t) => {
    const { head } = await clientSide(t, { credentials });
    const sent = /Authorization: Basic (.*)\r/.exec(head)?.[1];
    assert.strictEqual(sent && Buffer.from(sent, 'base64').toString(), expected);
  });
}

for (const url of ['http://h/', 'h', '', 'ws:', 'ws://', 'ws://exa mple/', 'wss://h:99999/', undefined]) {
  it(`client: ${JSON.stringify(url) || url} is not a valid WebSocket URL`, () => {
    assert.throws(() => new WebSocket.Client(url), { message: `${url} is not a valid WebSocket URL` });
  });
}

it('client: schemes are read in any case', async (t) => {
  const { port, accept: arrived } = await rawServer(t);
  const ws = new WebSocket.Client(`WS://LOCALHOST:${port}/`);
  t.after(() => ws.close());
  const peer = await arrived();
  assert.ok((await peer.head()).includes(`Host: localhost:${port}\r\n`));
  assert.strictEqual(ws.url, `WS://LOCALHOST:${port}/`);
});

const PREFIX = 'Error during WebSocket handshake: ';
for (const [name, answer, text] of [
  ['404', () => 'HTTP/1.1 404 Not Found\r\n\r\n', 'Unexpected response code: 404'],
  ['200', () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 'Unexpected response code: 200'],
  ['no Upgrade', (head) => response(head, { Upgrade: undefined }), "'Upgrade' header is missing"],
  ['a strange Upgrade', (head) => response(head, { Upgrade: 'h2c' }), "'Upgrade' header value is not 'WebSocket'"],
  ['no Connection', (head) => response(head, { Connection: undefined }), "'Connection' header is missing"],
  ['a strange Connection', (head) => response(head, { Connection: 'close' }), "'Connection' header value is not 'Upgrade'"],
  ['a wrong accept', (head) => response(head, { 'Sec-WebSocket-Accept': ACCEPT }), 'Sec-WebSocket-Accept mismatch'],
  ['no accept', (head) => response(head, { 'Sec-WebSocket-Accept': undefined }), 'Sec-WebSocket-Accept mismatch'],
  ['a foreign protocol', (head) => response(head, { 'Sec-WebSocket-Protocol': 'nope' }), 'Sec-WebSocket-Protocol mismatch'],
  [
    'an extension nobody asked for',
    (head) => response(head, { 'Sec-WebSocket-Extensions': 'x-own' }),
    'Server sent an extension response for unknown extension "x-own"'
  ],
  ['garbage', () => 'NOT HTTP\r\n\r\n', 'Parse Error']
]) {
  it(`client: refuses ${name}`, async (t) => {
    const { ws, peer, head } = await clientSide(t, { protocols: ['foo'] });
    const log = record(ws);
    peer.write(answer(head));
    await next(ws, 'close');
    assert.deepStrictEqual(log, [['error', PREFIX + text], ['end'], ['close', 1002, PREFIX + text]]);
    await peer.rest();
  });
}

it('client: an answer without a protocol opens', async (t) => {
  const { ws, peer, head } = await clientSide(t, { protocols: ['foo'] });
  const opened = next(ws, 'open');
  peer.write(response(head));
  await opened;
  assert.strictEqual(ws.protocol, '');
});

differs('D22', 'client: unless it requires one', async (t) => {
  const { ws, peer, head } = await clientSide(t, { protocols: ['foo'], settings: { requireProtocol: true } });
  const log = record(ws);
  peer.write(response(head));
  await next(ws, 'close');
  const text = `${PREFIX}Sec-WebSocket-Protocol mismatch`;
  assert.deepStrictEqual(log, [['error', text], ['end'], ['close', 1002, text]]);
});

for (const connection of ['keep-alive, Upgrade', 'Upgrade, keep-alive', ['keep-alive', 'Upgrade']]) {
  differs('B28', `client: accepts Connection: ${connection}`, async (t) => {
    const { ws, peer, head } = await clientSide(t);
    const opened = Promise.race([next(ws, 'open').then(() => 'open'), next(ws, 'close').then(() => 'close')]);
    peer.write(response(head, { Connection: connection }));
    assert.strictEqual(await opened, 'open');
  });
}

it('client: response headers, in lower case, joined, folded, odd ones ignored', async (t) => {
  const { ws, peer, head } = await clientSide(t);
  const opened = next(ws, 'open');
  const answer = response(head, { 'Set-Cookie': ['a=1', 'b=2'], 'X-Empty': '' });
  peer.write(answer.replace(/\r\n\r\n$/, '\r\nX-Folded: one\r\n  two\r\nno colon here\r\nX-Last: z\r\n\r\n'));
  await opened;
  assert.strictEqual(ws.statusCode, 101);
  assert.deepStrictEqual(
    ['set-cookie', 'x-empty', 'x-folded', 'x-last'].map((name) => ws.headers[name]),
    ['a=1, b=2', '', 'one two', 'z']
  );
});

it('client: line feeds alone, blank lines before, HTTP/1.0, an odd reason', async (t) => {
  const { ws, peer, head } = await clientSide(t);
  const opened = next(ws, 'open');
  peer.write(`\r\n${response(head, {}, 'HTTP/1.0 101').replace(/\r\n/g, '\n')}`);
  await opened;
});

it('client: Transfer-Encoding on a 101 means nothing', async (t) => {
  const { ws, peer, head } = await clientSide(t);
  const message = next(ws, 'message');
  peer.write(Buffer.concat([Buffer.from(response(head, { 'Transfer-Encoding': 'chunked' })), frame(TEXT, 'first')]));
  assert.strictEqual((await message).data, 'first');
});

differs('B38', 'client: nor does Content-Length', async (t) => {
  const { ws, peer, head } = await clientSide(t);
  const message = next(ws, 'message');
  peer.write(Buffer.concat([Buffer.from(response(head, { 'Content-Length': '7' })), frame(TEXT, 'first')]));
  assert.strictEqual((await message).data, 'first');
});

for (const [name, make] of [
  ['a header value of the client', () => new WebSocket.Client('ws://127.0.0.1:1/', [], { headers: { X: 'a\r\nb' } })],
  ['a header name of the client', () => new WebSocket.Client('ws://127.0.0.1:1/', [], { headers: { 'X\n': 'a' } })],
  ['a NUL in a header', () => new WebSocket.Client('ws://127.0.0.1:1/', [], { headers: { X: 'a\0b' } })],
  ['a protocol of the client', () => new WebSocket.Client('ws://127.0.0.1:1/', ['a\r\nb'])],
  ['the URL of the client', () => new WebSocket.Client('ws://127.0.0.1:1/a\r\nb')],
  [
    'a header of the proxy',
    () =>
      new WebSocket.Client('ws://127.0.0.1:1/', [], { proxy: { origin: 'http://127.0.0.1:1', headers: { X: 'a\nb' } } })
  ]
]) {
  differs('D17', `line breaks in ${name} are a TypeError`, () => {
    assert.throws(make, { name: 'TypeError' });
  });
}
