'use strict';

// Event streams over HTTP/2: on the stream itself and on the compatibility API's response, which others may stand before.

const assert = require('node:assert');
const zlib = require('node:zlib');
const { once } = require('node:events');

const { it, describe } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { until } = require('./support/record');
const { http2Server, connect } = require('./support/http2_sides');

const { EventSource } = WebSocket;

/** Asks for events; `text()` is what has come so far. */
async function ask(session, headers = {}) {
  const stream = session.request({ ':path': '/events', accept: 'text/event-stream', ...headers });
  stream.on('error', () => {});
  const chunks = [];
  stream.on('data', (chunk) => chunks.push(chunk));
  const [answer] = await once(stream, 'response');
  return { stream, headers: answer, bytes: () => Buffer.concat(chunks), text: () => Buffer.concat(chunks).toString() };
}

const onStream = (made, options) => (stream, headers) => made(new EventSource({ headers }, stream, options));

/** Both ways in which Node hands a request over. */
const WAYS = {
  stream: (t, made, options) => http2Server(t, onStream(made, options)),
  response: async (t, made, options) => {
    const side = await http2Server(t);
    side.server.on('request', (req, res) => made(new EventSource(req, res, options)));
    return side;
  },
};

for (const [way, serve] of Object.entries(WAYS)) {
  describe(`an event stream over HTTP/2, on the ${way}`, () => {
    it('has the head and the events of one over HTTP/1.1', async (t) => {
      const log = [];
      let es;
      const { port } = await serve(t, (made) => {
        es = made;
        es.on('open', () => log.push('open'));
        es.on('close', () => log.push('close'));
      }, { retry: 2, headers: { 'X-Mine': 'yes', Connection: 'close' } });
      const client = await ask(await connect(t, port), { 'last-event-id': '7' });
      assert.strictEqual(client.headers[':status'], 200);
      assert.strictEqual(client.headers['content-type'], 'text/event-stream');
      assert.strictEqual(client.headers['cache-control'], 'no-cache, no-store');
      assert.strictEqual(client.headers['x-mine'], 'yes');
      assert.strictEqual(client.headers.connection, undefined);
      assert.strictEqual(es.url, `http://127.0.0.1:${port}/events`);
      assert.strictEqual(es.lastEventId, '7');
      es.send('a\nb', { event: 'tick', id: 8 });
      es.ping();
      await until(() => client.text().endsWith(':\r\n\r\n'));
      assert.strictEqual(client.text(),
        'retry: 2000\r\n\r\nevent: tick\r\nid: 8\r\ndata: a\ndata: b\r\n\r\n:\r\n\r\n');
      assert.strictEqual(es.close(), true);
      await once(client.stream, 'end');
      assert.deepStrictEqual(log, ['open', 'close']);
      assert.strictEqual(es.send('late'), false);
    });

    it('closes when the client resets the stream, and its session lives on', async (t) => {
      const made = [];
      const { port } = await serve(t, (es) => made.push(es));
      const session = await connect(t, port);
      const [first, second] = [await ask(session), await ask(session)];
      const closed = once(made[0], 'close');
      first.stream.close(8);
      await closed;
      assert.strictEqual(made[0].readyState, 3);
      made[1].send('still');
      await until(() => second.text().includes('data: still'));
    });

    it('send is false for a client that does not read', async (t) => {
      let es;
      const { port } = await serve(t, (made) => { es = made; });
      const { stream } = await ask(await connect(t, port));
      stream.pause();
      let took = true;
      for (let i = 0; i < 300 && took; i++) took = es.send('x'.repeat(1000));
      assert.strictEqual(took, false);
      const drained = once(es, 'drain');
      stream.resume();
      await drained;
    });
  });
}

describe('an event stream behind compression', () => {
  it('compresses each event as it is sent', async (t) => {
    const { server, port } = await http2Server(t);
    let es;
    server.on('request', (req, res) => {
      // What the middleware of frameworks does: it stands before the response's methods.
      const gzip = zlib.createGzip();
      const { write, end, writeHead } = res;
      res.writeHead = (status, headers) => writeHead.call(res, status, { ...headers, 'content-encoding': 'gzip' });
      gzip.on('data', (chunk) => write.call(res, chunk));
      gzip.on('end', () => end.call(res));
      res.write = (chunk, encoding) => gzip.write(chunk, encoding);
      res.end = () => gzip.end();
      res.flush = () => gzip.flush();
      es = new EventSource(req, res);
    });
    const client = await ask(await connect(t, port));
    assert.strictEqual(client.headers['content-encoding'], 'gzip');
    const inflate = zlib.createGunzip();
    let text = '';
    inflate.on('data', (chunk) => { text += chunk; });
    client.stream.on('data', (chunk) => inflate.write(chunk));
    es.send('hello');
    inflate.write(client.bytes());
    await until(() => text.endsWith('data: hello\r\n\r\n'));
    es.close();
    await once(client.stream, 'end');
  });
});

it('a response that has begun is refused at the call', async (t) => {
  const { server, port } = await http2Server(t);
  let thrown;
  server.on('request', (req, res) => {
    res.writeHead(200);
    try {
      new EventSource(req, res);
    } catch (error) {
      thrown = error;
    }
    res.end();
  });
  const { stream } = await ask(await connect(t, port));
  await once(stream, 'end');
  assert.strictEqual(thrown.message, 'The request has been answered');
});
