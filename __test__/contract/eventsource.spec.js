'use strict';

// EventSource: what it writes, byte for byte, and how it ends (contract 6).
//
// Held here against the original: B35 (a destroyed socket never closes it),
// B36/D17 and B37/D17 (line breaks in headers, event and id).

const assert = require('node:assert');
const http = require('node:http');
const { once } = require('node:events');
const { Readable } = require('node:stream');

const { it, differs } = require('../support/spec');
const { WebSocket } = require('../support/package_under_test');
const { next, until } = require('../support/record');
const { RawPeer } = require('../support/raw_peer');

const { EventSource } = WebSocket;

/** An EventSource of ours with a raw reader that has read nothing yet. */
async function open(t, options, { headers = '', setUp, path = '/' } = {}) {
  let made;
  const constructed = new Promise((resolve) => (made = resolve));
  const server = http.createServer((request, response) => {
    const source = new EventSource(request, response, options);
    if (setUp) setUp(source, request, response);
    made({ source, request, response });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const peer = await RawPeer.connect(server.address().port);
  t.after(() => {
    peer.destroy();
    server.close();
    server.closeAllConnections();
  });
  peer.write(`GET ${path} HTTP/1.1\r\nHost: www.example.com\r\nAccept: text/event-stream\r\n${headers}\r\n`);
  return { peer, ...(await constructed) };
}

/** As open, with the head and the retry line read. */
async function opened(t, options, rest) {
  const side = await open(t, options, rest);
  side.head = await side.peer.head();
  side.retry = await side.peer.head();
  return side;
}

/** What one call writes. */
async function written(side, call) {
  call(side.source);
  return side.peer.head();
}

it('the bytes of its head', async (t) => {
  const { head, retry } = await opened(t, { headers: { 'X-One': ' a ', 'Content-Type': 'twice' }, retry: 2.5 });
  assert.strictEqual(
    head,
    'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache, no-store\r\n' +
      'Connection: close\r\nX-One: a\r\nContent-Type: twice\r\n\r\n'
  );
  assert.strictEqual(retry, 'retry: 2500\r\n\r\n');
});

it('the default retry', async (t) => {
  const { retry } = await opened(t);
  assert.strictEqual(retry, 'retry: 5000\r\n\r\n');
  assert.deepStrictEqual([EventSource.prototype.DEFAULT_PING, EventSource.prototype.DEFAULT_RETRY], [10, 5]);
});

for (const [message, options, bytes] of [
  ['hello', undefined, 'data: hello\r\n\r\n'],
  ['', undefined, 'data: \r\n\r\n'],
  ['a\nb', undefined, 'data: a\ndata: b\r\n\r\n'],
  ['a\r\nb\rc', undefined, 'data: a\r\ndata: b\rdata: c\r\n\r\n'],
  ['x', { event: 'tick', id: '7' }, 'event: tick\r\nid: 7\r\ndata: x\r\n\r\n'],
  ['x', { event: '', id: 0 }, 'data: x\r\n\r\n'],
  ['x', { id: 'only' }, 'id: only\r\ndata: x\r\n\r\n'],
  [13, undefined, 'data: 13\r\n\r\n'],
  [null, undefined, 'data: null\r\n\r\n'],
  [[1, 2], undefined, 'data: 1,2\r\n\r\n'],
  ['ünï', undefined, Buffer.from('data: ünï\r\n\r\n').toString('latin1')]
]) {
  it(`send(${JSON.stringify(message)}, ${JSON.stringify(options)})`, async (t) => {
    const side = await opened(t);
    assert.strictEqual(await written(side, (source) => assert.strictEqual(source.send(message, options), true)), bytes);
  });
}

differs('B37', 'line breaks and NUL are taken out of event and id', async (t) => {
  const side = await opened(t);
  const options = { event: 'a\r\nb\nc\0', id: '1\r2\n3\0' };
  assert.strictEqual(await written(side, (source) => source.send('x', options)), 'event: abc\r\nid: 123\r\ndata: x\r\n\r\n');
});

differs('D17', 'line breaks in a header are a TypeError', async (t) => {
  let thrown;
  await opened(t, {}, {
    setUp(source, request, response) {
      try {
        new EventSource(request, response, { headers: { X: 'a\r\nInjected: b' } });
      } catch (error) {
        thrown = error;
      }
    }
  });
  assert.ok(thrown instanceof TypeError);
});

it('opens in the next tick, messages go out before', async (t) => {
  const states = [];
  const side = await opened(t, {}, {
    setUp(source) {
      states.push(source.readyState, source.writable);
      source.onopen = (event) => states.push(source.readyState, event.type, event.target === source);
      source.send('early');
    }
  });
  assert.strictEqual(await side.peer.head(), 'data: early\r\n\r\n');
  await until(() => states.length === 5);
  assert.deepStrictEqual(states, [0, true, 1, 'open', true]);
});

it('its url and lastEventId', async (t) => {
  const plain = await opened(t, {}, { headers: 'Last-Event-ID: 42\r\n', path: '/a?b' });
  assert.deepStrictEqual([plain.source.url, plain.source.lastEventId], ['http://www.example.com/a?b', '42']);
  const forwarded = await opened(t, {}, { headers: 'X-Forwarded-Proto: https\r\n' });
  assert.deepStrictEqual([forwarded.source.url, forwarded.source.lastEventId], ['https://www.example.com/', '']);
});

it('pings, by itself and when told to', async (t) => {
  const side = await opened(t, { ping: 0.02 });
  assert.strictEqual(await side.peer.head(), ':\r\n\r\n');
  assert.strictEqual(side.source.ping(), true);
  assert.strictEqual(await side.peer.head(), ':\r\n\r\n');
});

it('close: at once, once, and nothing is sent after it', async (t) => {
  const { source, peer } = await opened(t);
  await until(() => source.readyState === 1);
  let closed = 0;
  source.on('close', (event) => {
    closed++;
    assert.deepStrictEqual([event.type, event.code], ['close', undefined]);
  });
  assert.strictEqual(source.close(), true);
  assert.deepStrictEqual([source.readyState, source.writable, closed], [3, false, 1]);
  assert.deepStrictEqual([source.close(), source.send('x'), source.ping(), source.write('x')], [false, false, false, false]);
  assert.strictEqual((await peer.rest()).length, 0);
  assert.strictEqual(closed, 1);
});

it('end(message) sends, then closes', async (t) => {
  const { source, peer } = await opened(t);
  assert.strictEqual(source.end('last'), undefined);
  assert.strictEqual((await peer.rest()).toString(), 'data: last\r\n\r\n');
});

it('a reader that hangs up closes it', async (t) => {
  const { source, peer } = await opened(t);
  const closed = next(source, 'close');
  peer.end();
  await closed;
  assert.strictEqual(source.readyState, 3);
});

differs('B35', 'so does a socket that is destroyed, and its pings stop', async (t) => {
  const { source, response } = await opened(t, { ping: 0.01 });
  t.after(() => source.close());
  const closed = next(source, 'close');
  response.socket.destroy();
  await closed;
  assert.strictEqual(source.readyState, 3);
});

it('a readable piped in', async (t) => {
  const { source, peer } = await opened(t);
  Readable.from(['a', 'b']).pipe(source);
  assert.strictEqual((await peer.rest()).toString(), 'data: a\r\n\r\ndata: b\r\n\r\n');
});

it('a socket that is closed already', async (t) => {
  const { source } = await open(t, {}, {});
  assert.ok(source);
  const request = { method: 'GET', url: '/', headers: { host: 'h' } };
  const orphan = new EventSource(request, { socket: null }, {});
  assert.deepStrictEqual([orphan.url, orphan.readyState], ['http://h/', 0]);
  assert.strictEqual(orphan.send('x'), false);
});

it('drain comes from the socket', async (t) => {
  const { source, peer } = await opened(t);
  peer.socket.pause();
  let sent = 0;
  while (source.send('x'.repeat(100000))) if (++sent > 2000) throw new Error('never congested');
  const drained = next(source, 'drain');
  peer.socket.resume();
  await drained;
});

it('isEventSource', () => {
  const is = (accept, method = 'GET') => EventSource.isEventSource({ method, headers: { accept } });
  assert.strictEqual(is('text/event-stream'), true);
  assert.strictEqual(is('text/html, text/event-stream'), true);
  assert.strictEqual(is('text/html,text/event-stream'), true);
  assert.strictEqual(is('text/event-stream;q=0.9'), false);
  assert.strictEqual(is('text/event-stream '), false);
  assert.strictEqual(is('TEXT/EVENT-STREAM'), false);
  assert.strictEqual(is('text/event-stream', 'POST'), false);
  assert.strictEqual(is(undefined), false);
});

it('options are not validated', async (t) => {
  const { retry } = await opened(t, { nonsense: true, ping: 0, retry: 0 });
  assert.strictEqual(retry, 'retry: 5000\r\n\r\n');
});

differs('B35', 'requests that are pipelined behind one whose response is not over are closed', async (t) => {
  const closed = [];
  const { peer } = await opened(t, {}, {
    setUp: (source, { url }) => source.on('close', () => closed.push(url)),
  });
  for (const path of ['/second', '/third']) peer.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n`);
  await until(() => closed.length === 2);
  assert.deepStrictEqual(closed, ['/second', '/third']);
});

differs('B35', 'a peer that does not end its half of a closed connection is disconnected', async (t) => {
  const { source, response, peer } = await opened(t);
  const gone = once(response.socket, 'close');
  source.send('last');
  source.close();
  assert.strictEqual((await peer.rest()).toString(), 'data: last\r\n\r\n');
  await gone;
});

differs('B35', 'no pings are kept for a peer that does not read', async (t) => {
  const { source, response: { socket }, peer } = await opened(t, { ping: 0.01 });
  peer.socket.pause();
  while (source.send('x'.repeat(100000)));
  const waiting = socket.writableLength;
  const other = await opened(t, { ping: 0.01 });
  for (let i = 0; i < 20; i++) await other.peer.head();
  assert.ok(socket.writableLength <= waiting, `${socket.writableLength - waiting} bytes more`);
});
