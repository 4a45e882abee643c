'use strict';

// WebSockets on streams of HTTP/2 (RFC 8441): what is answered, that they are the same as over HTTP/1.1 from then
// on, and what the end of a stream means.

const assert = require('node:assert');
const http2 = require('node:http2');
const { once } = require('node:events');

const { it, describe } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { record, next, until } = require('./support/record');
const { masked, closePayload, TEXT, BINARY, CLOSE, PING, PONG } = require('./support/frames');
const { Http2Peer } = require('./support/http2_peer');
const { http2Server, connect, request, openStream } = require('./support/http2_sides');

const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL } = http2.constants;
const MIB = 1024 * 1024;

/** The fields of an answer that are not Node's own. */
const own = (headers) => Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'date'));

/** Our server and a client told in frames, with one WebSocket open on stream 1. */
async function openFrames(t, { settings, setUp, ...options } = {}) {
  const sockets = [];
  const { port, sessions } = await http2Server(t, (stream, headers) => {
    const ws = new WebSocket({ headers }, stream, null, [], settings);
    if (setUp) setUp(ws, stream);
    sockets.push(ws);
  });
  const peer = await Http2Peer.connect(port, options);
  t.after(() => peer.socket.destroy());
  peer.request(1);
  await until(() => sockets.length === 1 && sockets[0].readyState === WebSocket.OPEN && peer.told(1).length > 0);
  return { ws: sockets[0], sockets, peer, sessions };
}

describe('the response over HTTP/2', () => {
  it('is 200, without key, upgrade and connection', async (t) => {
    const { headers, ws } = await openStream(t);
    assert.deepStrictEqual(own(headers), { ':status': 200 });
    assert.strictEqual(ws.readyState, WebSocket.OPEN);
    assert.strictEqual(ws.version, 'hybi-13');
  });

  it('has the accept value where a key was sent', async (t) => {
    const { headers } = await openStream(t, { headers: { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' } });
    assert.deepStrictEqual(own(headers), {
      ':status': 200, 'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    });
  });

  it('has the subprotocol, the extensions and the headers of the application', async (t) => {
    const { headers, ws } = await openStream(t, {
      protocols: ['b', 'a'],
      settings: { deflate: true, headers: { 'X-Mine': 'yes', Connection: 'x', 'Set-Cookie': 'a=1' } },
      headers: { 'sec-websocket-protocol': 'a, b', 'sec-websocket-extensions': 'permessage-deflate' },
    });
    assert.deepStrictEqual(own(headers), {
      ':status': 200, 'x-mine': 'yes', 'set-cookie': ['a=1'], 'sec-websocket-protocol': 'a',
      'sec-websocket-extensions': 'permessage-deflate',
    });
    assert.strictEqual(ws.protocol, 'a');
  });

  for (const [what, headers, text] of [
    ['another protocol', { ':protocol': 'connect-udp' }, 'Not a WebSocket request'],
    ['no version', { 'sec-websocket-version': undefined }, 'Unsupported WebSocket version: undefined'],
    ['a draft', { 'sec-websocket-version': '8' }, 'Unsupported WebSocket version: 8'],
  ]) {
    it(`refuses ${what} with 400`, async (t) => {
      let log;
      const side = await openStream(t, { headers, setUp: (ws) => { log = record(ws); } });
      assert.deepStrictEqual(own(side.headers), {
        ':status': 400, 'content-type': 'text/plain', 'content-length': String(text.length),
      });
      assert.strictEqual((await side.peer.rest()).toString(), text);
      await until(() => log.length >= 3);
      assert.deepStrictEqual(log, [['error', text], ['end'], ['close', 1002, text]]);
      // The request was answered in full: that it is not read to its end is no error.
      await until(() => side.peer.closed);
      assert.strictEqual(side.peer.error, null);
      assert.strictEqual(side.stream.rstCode, NGHTTP2_NO_ERROR);
    });
  }

  it('is sent through the compatibility API too', async (t) => {
    const { server, port } = await http2Server(t);
    const seen = [];
    server.on('request', (req, res) => res.end('page'));
    server.on('connect', (req, res) => {
      // The same event tells of a session, in other versions of Node of a socket.
      if (!WebSocket.isWebSocket(req)) return;
      const ws = new WebSocket(req, res, null, ['a']);
      seen.push([ws.request === req, ws.url, ws._stream === res.stream]);
      ws.on('message', ({ data }) => ws.send(data));
    });
    const session = await connect(t, port);
    const { peer, headers } = await request(session, { ':path': '/chat?x=1', 'sec-websocket-protocol': 'a' });
    assert.strictEqual(headers['sec-websocket-protocol'], 'a');
    peer.write(masked(TEXT, 'hello'));
    assert.strictEqual((await peer.frame()).payload.toString(), 'hello');
    assert.deepStrictEqual(seen, [[true, `ws://127.0.0.1:${port}/chat?x=1`, true]]);
  });

  it('takes URL, origin and path from the pseudo-headers', async (t) => {
    const { ws, peer } = await openStream(t, { secure: true, headers: { ':path': '/a?b=c', origin: 'https://there' } });
    assert.match(ws.url, /^wss:\/\/127\.0\.0\.1:\d+\/a\?b=c$/);
    assert.strictEqual(ws.request.headers.origin, 'https://there');
    assert.strictEqual(peer.ended, false);
  });
});

describe('requests over HTTP/2 for a WebSocket or an event stream', () => {
  const asks = (headers) => WebSocket.isWebSocket({ headers });

  it('isWebSocket depends on method and protocol only', () => {
    assert.strictEqual(asks({ ':method': 'CONNECT', ':protocol': 'websocket' }), true);
    assert.strictEqual(asks({ ':method': 'CONNECT', ':protocol': 'connect-udp' }), false);
    assert.strictEqual(asks({ ':method': 'CONNECT' }), false);
    assert.strictEqual(asks({ ':method': 'GET', ':protocol': 'websocket' }), false);
    assert.strictEqual(asks({ ':method': 'GET', connection: 'upgrade', upgrade: 'websocket' }), false);
  });

  it('isEventSource depends on method and accept', () => {
    const isEventSource = (headers) => WebSocket.EventSource.isEventSource({ headers });
    assert.strictEqual(isEventSource({ ':method': 'GET', accept: 'text/event-stream' }), true);
    assert.strictEqual(isEventSource({ ':method': 'POST', accept: 'text/event-stream' }), false);
    assert.strictEqual(isEventSource({ ':method': 'GET' }), false);
  });

  it('a request that cannot be answered throws at the call', async (t) => {
    const thrown = [];
    const attempt = (make) => {
      try {
        make();
      } catch (error) {
        thrown.push(`${error.name}: ${error.message}`);
      }
    };
    const { port } = await http2Server(t, (stream, headers) => {
      attempt(() => new WebSocket({ headers }, stream.session.socket));
      attempt(() => new WebSocket({ headers }, undefined));
      attempt(() => new WebSocket({ headers }, stream, null, [], { headers: { ':status': '201' } }));
      attempt(() => new WebSocket({ headers }, stream, null, [], { headers: { 'x-a': 'b\u0001' } }));
      stream.respond({ ':status': 204 });
      attempt(() => new WebSocket({ headers }, stream));
      stream.end();
    });
    const { headers } = await request(await connect(t, port));
    assert.strictEqual(headers[':status'], 204);
    assert.deepStrictEqual(thrown, [
      'TypeError: A request over HTTP/2 is answered on its stream or response',
      'TypeError: A request over HTTP/2 is answered on its stream or response',
      'TypeError: Header name must be a valid HTTP token [":status"]',
      'TypeError: Invalid character in header content ["x-a"]',
      'Error: The request has been answered',
    ]);
  });

  it('a request that other code answers in the same turn is an error event, not an exception', async (t) => {
    let log;
    const { port } = await http2Server(t, (stream, headers) => {
      log = record(new WebSocket({ headers }, stream));
      stream.respond({ ':status': 405 }, { endStream: true });
    });
    const { headers } = await request(await connect(t, port));
    assert.strictEqual(headers[':status'], 405);
    await until(() => log.length >= 3);
    assert.deepStrictEqual(log, [['error', 'The request has been answered'], ['end'], ['close', 1006, '']]);
  });

  it('so is a refused request that other code answers in the same turn', async (t) => {
    let log;
    const { port } = await http2Server(t, (stream, headers) => {
      log = record(new WebSocket({ headers }, stream));
      stream.respond({ ':status': 405 }, { endStream: true });
    });
    const { headers } = await request(await connect(t, port), { 'sec-websocket-version': '12' });
    assert.strictEqual(headers[':status'], 405);
    await until(() => log.length >= 3);
    const text = 'Unsupported WebSocket version: 12';
    assert.deepStrictEqual(log, [['error', text], ['end'], ['close', 1002, text]]);
  });
});

describe('messages over HTTP/2', () => {
  it('go both ways, whatever their kind and length', async (t) => {
    const { ws, peer } = await openStream(t);
    ws.on('message', ({ data }) => ws.send(data));
    const random = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i * 7));
    for (const [opcode, payload] of [
      [TEXT, ''], [TEXT, 'grüße 🎉'], [BINARY, Buffer.from([0, 1])], [TEXT, 'x'.repeat(70_000)], [BINARY, random],
    ]) {
      peer.write(masked(opcode, payload));
      const frame = await peer.frame();
      assert.strictEqual(frame.opcode, opcode);
      assert.ok(frame.payload.equals(Buffer.from(payload)));
    }
  });

  it('an unmasked frame is an error', async (t) => {
    const { ws, peer } = await openStream(t);
    const log = record(ws, ['message', 'error', 'close']);
    peer.write(Buffer.from([0x81, 1, 97]));
    const text = 'Received unmasked frame but masking is required';
    assert.deepStrictEqual((await peer.frame()).payload, closePayload(1003, text));
    await until(() => log.length >= 2);
    assert.deepStrictEqual(log, [['error', text], ['close', 1003, text]]);
    await until(() => peer.closed);
    assert.strictEqual(peer.error, null);
  });

  it('pings are answered and callbacks called', async (t) => {
    const { ws, peer } = await openStream(t);
    peer.write(masked(PING, 'a'));
    assert.deepStrictEqual([(await peer.frame()).opcode, peer.input.length], [PONG, 0]);
    const answered = new Promise((resolve) => ws.ping('b', resolve));
    const ping = await peer.frame();
    assert.strictEqual(ping.opcode, PING);
    peer.write(masked(PONG, ping.payload));
    await answered;
  });

  it('are compressed where that was agreed on', async (t) => {
    const { ws, peer } = await openStream(t, {
      settings: { deflate: true }, headers: { 'sec-websocket-extensions': 'permessage-deflate' },
    });
    ws.send('a'.repeat(10_000));
    const { rsv, payload } = await peer.frame();
    assert.strictEqual(rsv, 4);
    assert.ok(payload.length < 100, `${payload.length} bytes`);
  });

  it('100 streams of one session have each their own', async (t) => {
    const sockets = [];
    const { port, sessions } = await http2Server(t, (stream, headers) => {
      const ws = new WebSocket({ headers }, stream);
      ws.on('message', ({ data }) => ws.send(`${headers[':path']} ${data}`));
      sockets.push(ws);
    }, { settings: { maxConcurrentStreams: 100 } });
    const session = await connect(t, port, { peerMaxConcurrentStreams: 101 });
    const sides = await Promise.all(Array.from({ length: 100 }, (_, i) => request(session, { ':path': `/${i}` })));
    const answers = await Promise.all(sides.map(async ({ peer }, i) => {
      peer.write(masked(TEXT, `hello ${i}`));
      return (await peer.frame()).payload.toString();
    }));
    assert.deepStrictEqual(answers, Array.from({ length: 100 }, (_, i) => `/${i} hello ${i}`));
    assert.strictEqual(sessions.size, 1);

    // One more than the server allows never reaches it, and disturbs nobody.
    const peer = await Http2Peer.connect(port);
    t.after(() => peer.socket.destroy());
    for (let i = 0; i < 101; i++) peer.request(2 * i + 1);
    await until(() => peer.told(201).length > 0);
    assert.deepStrictEqual(peer.told(201), ['RST_STREAM 7']);
    await until(() => sockets.length === 200);
    peer.data(1, masked(TEXT, 'still'));
    await until(() => peer.bytes(1).length > 0);
    assert.match(peer.bytes(1).toString(), /\/ still$/);

    const closed = await WebSocket.closeAll(1001, '', 0.5);
    assert.deepStrictEqual(closed, { closed: 0, terminated: 200 });
  });
});

describe('the end of a stream', () => {
  it('a closing handshake of ours is an orderly end', async (t) => {
    const { ws, peer } = await openFrames(t);
    const log = record(ws);
    ws.close(3000, 'bye');
    await until(() => peer.bytes(1).length > 0);
    assert.ok(peer.bytes(1).subarray(2).equals(closePayload(3000, 'bye')));
    peer.data(1, masked(CLOSE, closePayload(3000, 'bye')));
    await until(() => log.length >= 2);
    assert.deepStrictEqual(log, [['end'], ['close', 3000, 'bye']]);
    await until(() => peer.told(1).at(-1) === 'END_STREAM');
    peer.data(1, Buffer.alloc(0), true);
    await until(() => ws._stream.destroyed);
    assert.deepStrictEqual(peer.told(1), ['HEADERS', 'DATA', 'END_STREAM']);
  });

  it('the stream of a peer that does not end its half is reset', async (t) => {
    const { ws, peer } = await openFrames(t);
    ws.close();
    peer.data(1, masked(CLOSE, closePayload(1000)));
    await until(() => peer.told(1).at(-1) === 'RST_STREAM 0');
    assert.deepStrictEqual(peer.told(1), ['HEADERS', 'DATA', 'END_STREAM', 'RST_STREAM 0']);
    assert.strictEqual(ws._stream.destroyed, true);
  });

  it('a WebSocket closed before its response resets its stream', async (t) => {
    let log;
    const { port } = await http2Server(t, (stream, headers) => {
      const ws = new WebSocket({ headers }, stream);
      log = record(ws);
      ws.close();
    });
    const peer = await Http2Peer.connect(port);
    t.after(() => peer.socket.destroy());
    peer.request(1);
    await until(() => peer.told(1).length > 0);
    assert.deepStrictEqual(peer.told(1), ['RST_STREAM 8']);
    assert.deepStrictEqual(log, [['end'], ['close', 1000, '']]);
  });

  it('the peer\'s close frame is answered, and is an orderly end', async (t) => {
    const { ws, peer } = await openFrames(t);
    const log = record(ws);
    peer.data(1, masked(CLOSE, closePayload(1000, 'bye')), true);
    await until(() => log.length >= 2 && peer.told(1).includes('END_STREAM'));
    assert.deepStrictEqual(log, [['end'], ['close', 1000, 'bye']]);
    assert.ok(peer.bytes(1).subarray(2).equals(closePayload(1000, 'bye')));
    assert.deepStrictEqual(peer.told(1), ['HEADERS', 'DATA', 'END_STREAM']);
  });

  it('END_STREAM without a close frame is 1006, and no error', async (t) => {
    const { ws, peer } = await openFrames(t);
    const log = record(ws);
    peer.data(1, masked(TEXT, 'last'), true);
    await until(() => log.length >= 3);
    assert.deepStrictEqual(log, [['message', 'last'], ['end'], ['close', 1006, '']]);
    await until(() => peer.told(1).includes('END_STREAM'));
    assert.deepStrictEqual(peer.told(1), ['HEADERS', 'END_STREAM']);
  });

  for (const [code, name] of [[NGHTTP2_CANCEL, 'NGHTTP2_CANCEL'], [1, 'NGHTTP2_PROTOCOL_ERROR'], [0, 'NGHTTP2_NO_ERROR']]) {
    it(`RST_STREAM ${code} is a reset, after the messages before it`, async (t) => {
      const { ws, peer } = await openFrames(t);
      const log = record(ws);
      peer.data(1, masked(TEXT, 'last'));
      peer.reset(1, code);
      await until(() => log.length >= 4);
      assert.deepStrictEqual(log, [
        ['message', 'last'], ['error', `Network error: ${ws.url}: Stream closed with error code ${name}`], ['end'],
        ['close', 1006, ''],
      ]);
      assert.deepStrictEqual(peer.told(1), ['HEADERS']);
    });
  }

  for (const [what, destroy] of [
    ['terminate()', (ws) => ws.terminate()],
    ['destroy() of its stream', (ws) => ws._stream.destroy()],
  ]) {
    it(`${what} resets with CANCEL, and no other stream`, async (t) => {
      const { ws, sockets, peer } = await openFrames(t);
      peer.request(3);
      await until(() => sockets.length === 2 && sockets[1].readyState === WebSocket.OPEN);
      const log = record(ws);
      destroy(ws);
      await until(() => log.length >= 2 && peer.told(1).at(-1) === 'RST_STREAM 8');
      assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
      sockets[1].send('alive');
      await until(() => peer.bytes(3).toString().endsWith('alive'));
    });
  }

  it('a GOAWAY without an error leaves the WebSockets of its session alone', async (t) => {
    const { ws, peer, sessions } = await openFrames(t);
    const log = record(ws, ['error', 'close']);
    const [session] = sessions;
    const left = once(session, 'goaway');
    peer.goAway(0);
    await left;
    ws.send('alive');
    await until(() => peer.bytes(1).toString().endsWith('alive'));
    assert.deepStrictEqual(log, []);
  });

  it('a GOAWAY with an error ends them with it', async (t) => {
    const { ws, peer } = await openFrames(t);
    const log = record(ws, ['error', 'close']);
    peer.goAway(2);
    await until(() => log.length >= 2);
    assert.deepStrictEqual(log, [
      ['error', `Network error: ${ws.url}: Session closed with error code 2`], ['close', 1006, ''],
    ]);
  });

  it('a connection that ends is 1006 for all its WebSockets', async (t) => {
    const { ws, sockets, peer } = await openFrames(t);
    peer.request(3);
    await until(() => sockets.length === 2 && sockets[1].readyState === WebSocket.OPEN);
    const logs = sockets.map((socket) => record(socket, ['close']));
    peer.socket.destroy();
    await until(() => logs.every((log) => log.length === 1));
    assert.deepStrictEqual(logs, [[['close', 1006, '']], [['close', 1006, '']]]);
    assert.strictEqual(ws.readyState, WebSocket.CLOSED);
  });

  it('the error of a destroyed session is reported', async (t) => {
    const { ws, sessions } = await openFrames(t);
    const log = record(ws, ['error', 'close']);
    for (const session of sessions) session.destroy(new Error('enough'));
    await until(() => log.length >= 2);
    assert.deepStrictEqual(log, [['error', `Network error: ${ws.url}: enough`], ['close', 1006, '']]);
  });

  it('a peer that never answers the close frame is reset after the close timeout', async (t) => {
    const { ws, peer } = await openFrames(t, { settings: { closeTimeout: 0.05 } });
    const log = record(ws, ['error', 'close']);
    ws.close();
    await until(() => log.length >= 1 && peer.told(1).at(-1) === 'RST_STREAM 8');
    assert.deepStrictEqual(log, [['close', 1006, '']]);
  });
});

describe('flow control', () => {
  it('a paused WebSocket stops its own stream and no other', async (t) => {
    const sockets = [];
    const { port } = await http2Server(t, (stream, headers) => sockets.push(new WebSocket({ headers }, stream)));
    const session = await connect(t, port);
    const [slow, fast] = [await request(session), await request(session)];
    const [paused, other] = sockets;
    let received = 0;
    paused.on('message', () => received++);
    paused.pause();
    const message = masked(BINARY, Buffer.alloc(16_384));
    for (let i = 0; i < 128; i++) slow.peer.write(message);

    other.on('message', ({ data }) => other.send(data));
    for (let i = 0; i < 40; i++) {
      fast.peer.write(masked(BINARY, Buffer.alloc(50_000, i)));
      assert.strictEqual((await fast.peer.frame()).payload.length, 50_000);
    }
    // What the peer could not send stands on its side: the window of a stream is 64 KiB.
    assert.ok(slow.stream.writableLength > MIB, `${slow.stream.writableLength} bytes wait`);
    assert.ok(received < 10, `${received} messages`);
    paused.resume();
    await until(() => received === 128);
  });

  it('bufferedAmount, send and drain while a peer does not read', async (t) => {
    const { ws, sockets, peer } = await openFrames(t);
    peer.request(3);
    await until(() => sockets.length === 2 && sockets[1].readyState === WebSocket.OPEN);
    const [, other] = sockets;
    const sent = 1000 * 1004;
    let took = true;
    for (let i = 0; i < 1000; i++) took = ws.send(Buffer.alloc(1000));
    assert.strictEqual(took, false);
    await until(() => peer.bytes(1).length === 65535);
    // Node writes the whole of what it was given in one piece, and counts it until all of it has left.
    assert.ok(ws.bufferedAmount > sent - 65535 - 65536 && ws.bufferedAmount <= sent, `${ws.bufferedAmount} bytes`);
    let drained = false;
    ws.on('drain', () => { drained = true; });

    // The window of the connection is used up as well: it is no business of ours.
    peer.write(8, 0, 0, Buffer.from([0, 0, 16, 0]));
    other.send('alive');
    await until(() => peer.bytes(3).toString().endsWith('alive'));
    assert.strictEqual(drained, false);

    peer.write(8, 0, 0, Buffer.from([0, 32, 0, 0]));
    peer.write(8, 0, 1, Buffer.from([0, 32, 0, 0]));
    await until(() => drained);
    await until(() => peer.bytes(1).length === sent);
    assert.strictEqual(ws.bufferedAmount, 0);
  });

  it('maxBackpressure closes with 1013', async (t) => {
    const { ws } = await openFrames(t, { settings: { maxBackpressure: 100_000 } });
    const log = record(ws, ['error']);
    for (let i = 0; i < 1000 && ws.readyState === WebSocket.OPEN; i++) ws.send(Buffer.alloc(1000));
    await until(() => log.length > 0);
    assert.deepStrictEqual(log, [['error', 'Too many bytes wait for the peer']]);
  });

  it('setTimeout and other calls on the stream do not change the session', async (t) => {
    const calls = [];
    let socket;
    let ws;
    const { port, server } = await http2Server(t, (stream, headers) => {
      stream.session.setTimeout = () => calls.push('setTimeout of the session');
      for (const name of ['setTimeout', 'setNoDelay', 'setKeepAlive']) socket[name] = () => calls.push(name);
      ws = new WebSocket({ headers }, stream);
    });
    server.on('connection', (connection) => { socket = connection; });
    const { peer } = await request(await connect(t, port));
    ws._stream.setTimeout(0);
    ws._stream.setNoDelay(true);
    ws._stream.setKeepAlive(true);
    ws.send('alive');
    await peer.frame();
    assert.deepStrictEqual(calls, []);
  });

  it('a silent peer is closed', async (t) => {
    const { ws } = await openFrames(t, { settings: { idleTimeout: 0.1 } });
    const [{ message }] = await Promise.all([next(ws, 'error'), next(ws, 'close')]);
    assert.strictEqual(message, 'Nothing was received for 0.1 seconds');
  });
});
