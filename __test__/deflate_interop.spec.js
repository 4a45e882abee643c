'use strict';

// permessage-deflate in place of the npm package's plug-in, beside other plug-ins, and against implementations
// that are not ours.

const assert = require('node:assert');
const crypto = require('node:crypto');
const http = require('node:http');
const path = require('node:path');
const zlib = require('node:zlib');
const { once } = require('node:events');
const { spawn, spawnSync } = require('node:child_process');
const { isDeepStrictEqual } = require('node:util');

const Original = require('faye-websocket');
const deflate = require('permessage-deflate');
const ws = require('ws');
const WebSocket = require('..');

const { it, describe } = require('./support/spec');
const { BINARY } = require('./support/frames');
const { rawServer } = require('./support/sides');
const { field } = require('./support/handshakes');
const { record, next, until } = require('./support/record');
const { RSV1, EXTENSIONS, TAKEOVER_OFF, deflatingServer: server, compress, compressed } = require('./support/compression');

const MESSAGES = [
  '', 'text', 'grüße 日本語 🎉', 'x'.repeat(126), 'y'.repeat(70000), 'text', Buffer.alloc(0), Buffer.from([0, 255, 128]),
  Buffer.alloc(65536, 7), crypto.randomBytes(300000), JSON.stringify(Array.from({ length: 80000 }, (_, i) => ({ i }))), 'last',
];

describe('permessage-deflate: the plug-in object', () => {
  it('is used itself where nativeDeflate is false, or where it has its own zlib', async (t) => {
    let made = 0;
    const counting = { ...zlib, createDeflateRaw: (options) => { made++; return zlib.createDeflateRaw(options); } };
    const { ws: socket, peer } = await server(t, { extensions: [deflate.configure({ zlib: counting })] });
    socket.send('hello');
    assert.strictEqual((await peer.frame()).rsv, RSV1);
    assert.strictEqual(made, 1);

    const createDeflateRaw = t.mock.method(zlib, 'createDeflateRaw');
    for (const [nativeDeflate, calls] of [[true, 0], [undefined, 0], [false, 1]]) {
      const side = await server(t, { extensions: [deflate], nativeDeflate });
      side.ws.send('hello');
      assert.strictEqual((await side.peer.frame()).rsv, RSV1);
      assert.strictEqual(createDeflateRaw.mock.callCount(), calls);
    }
  });

  it('is used itself where the application has changed it', async (t) => {
    let asked = 0;
    const changed = Object.assign(Object.create(deflate), {
      createServerSession(offers) { asked++; return deflate.createServerSession(offers); },
    });
    const impostor = { ...deflate, createServerSession() { asked++; return null; }, createClientSession: () => null };
    for (const extension of [changed, impostor]) {
      asked = 0;
      await server(t, { extensions: [extension] });
      assert.strictEqual(asked, 1);
    }
  });

  it('has options read when the connection is made', async (t) => {
    const options = { maxWindowBits: 10 };
    const configured = deflate.configure(options);
    options.noContextTakeover = true;
    const { response: head } = await server(t, { extensions: [configured] }, 'permessage-deflate; server_max_window_bits=12');
    assert.strictEqual(field(head, EXTENSIONS), 'permessage-deflate; server_no_context_takeover; server_max_window_bits=10');
  });

  it('with options out of range fails as it does with the original', async (t) => {
    const { port } = await rawServer(t);
    const options = { extensions: [deflate.configure({ maxWindowBits: 99 })] };
    const { reason } = await next(new WebSocket.Client(`ws://127.0.0.1:${port}/`, [], options), 'close');
    assert.strictEqual(reason, 'Error during WebSocket handshake: Invalid value for maxWindowBits');
  });
});

describe('permessage-deflate: beside another plug-in', () => {
  /** Reverses every message and marks it with RSV2. */
  function reversing() {
    const reverse = (message) => { message.data = Buffer.from(message.data).reverse(); };
    const session = {
      generateOffer: () => ({}),
      activate: () => true,
      generateResponse: () => ({}),
      processIncomingMessage(message, callback) {
        if (message.rsv2) reverse(message);
        callback(null, message);
      },
      processOutgoingMessage(message, callback) {
        reverse(message);
        message.rsv2 = true;
        callback(null, message);
      },
      close() {},
    };
    return {
      name: 'x-reverse', type: 'permessage', rsv1: false, rsv2: true, rsv3: false,
      createClientSession: () => session, createServerSession: () => session,
    };
  }

  for (const [name, ours, theirs] of [
    ['deflate: true', { deflate: true, extensions: [reversing()] }, { extensions: [deflate, reversing()] }],
    ['the plug-in', { extensions: [deflate, reversing()] }, { extensions: [deflate, reversing()] }],
    ['deflate without takeover', { deflate: TAKEOVER_OFF, extensions: [reversing()] }, { extensions: [deflate, reversing()] }],
  ]) {
    it(`${name}: both take part, with the original as the peer`, async (t) => {
      for (const [Server, serverOptions, Client, clientOptions] of
        [[WebSocket, ours, Original, theirs], [Original, theirs, WebSocket, ours], [WebSocket, ours, WebSocket, ours]]) {
        const url = await echoServer(t, Server, serverOptions);
        const { client } = await echoThrough(Client, url, clientOptions);
        assert.match(client.headers['sec-websocket-extensions'], /^permessage-deflate.*, x-reverse$/);
      }
    });
  }

  it('limits the size of an inflated message', async (t) => {
    const { ws: socket, peer } = await server(t, { deflate: true, extensions: [reversing()], maxLength: 1000 });
    const log = record(socket, ['message', 'close']);
    peer.write(compressed(BINARY, compress(Buffer.alloc(100000))));
    await until(() => log.length === 1);
    assert.strictEqual(log[0][1], 1009);
  });
});

/** An echo server made with one of the two packages; resolves with its URL. */
async function echoServer(t, Implementation, options) {
  const listener = http.createServer().listen(0, '127.0.0.1');
  listener.on('upgrade', (incoming, socket, head) => {
    const peer = new Implementation(incoming, socket, head, ['echo'], { ...options });
    peer.on('message', ({ data }) => peer.send(data));
  });
  await once(listener, 'listening');
  t.after(() => {
    listener.closeAllConnections();
    listener.close();
  });
  return `ws://127.0.0.1:${listener.address().port}/`;
}

/** Whether everything came back; megabytes of difference help nobody. */
function isSame(log) {
  return isDeepStrictEqual(log, MESSAGES);
}

function summary(log) {
  return log.map((message, i) => `${typeof message} ${message.length}${isDeepStrictEqual(message, MESSAGES[i]) ? '' : ' (wrong)'}`).join(', ');
}

/** Sends every message at once; resolves when all came back in order and the connection is closed. */
async function echoThrough(Implementation, url, options) {
  const client = new Implementation.Client(url, ['echo'], { ...options });
  const log = [];
  client.on('open', () => MESSAGES.forEach((message) => client.send(message)));
  client.on('error', ({ message }) => log.push(`error: ${message}`));
  client.on('message', ({ data }) => {
    log.push(data);
    if (log.length === MESSAGES.length) client.close(3003, 'enough');
  });
  const [{ code }] = await once(client, 'close');
  assert.ok(isSame(log), summary(log));
  assert.strictEqual(code, 3003);
  return { client };
}

const AGREEMENTS = {
  'defaults': {},
  'no takeover': TAKEOVER_OFF,
  'windows of 9': { maxWindowBits: 9, requestMaxWindowBits: 9 },
  'fastest': { level: 1, memLevel: 9 },
};

describe('permessage-deflate: interop', () => {
  for (const [name, options] of Object.entries(AGREEMENTS)) {
    it(`the original and its plug-in, ${name}`, async (t) => {
      for (const ours of [{ deflate: options }, { extensions: [deflate.configure({ ...options })] }]) {
        const url = await echoServer(t, WebSocket, ours);
        const { client } = await echoThrough(Original, url, { extensions: [deflate.configure({ ...options })] });
        assert.match(client.headers['sec-websocket-extensions'], /^permessage-deflate/);
        const theirs = await echoServer(t, Original, { extensions: [deflate.configure({ ...options })] });
        const { client: own } = await echoThrough(WebSocket, theirs, ours);
        assert.match(own.headers['sec-websocket-extensions'], /^permessage-deflate/);
      }
    });

    it(`itself, ${name}`, async (t) => {
      const url = await echoServer(t, WebSocket, { deflate: options });
      await echoThrough(WebSocket, url, { deflate: options });
    });

    const perMessageDeflate = {
      clientNoContextTakeover: options.noContextTakeover, serverNoContextTakeover: options.requestNoContextTakeover,
      clientMaxWindowBits: options.maxWindowBits || true, threshold: 0,
      ...(options.requestMaxWindowBits && { serverMaxWindowBits: options.requestMaxWindowBits }),
    };

    it(`ws as a client, ${name}`, async (t) => {
      const url = await echoServer(t, WebSocket, { deflate: options });
      const client = new ws(url, ['echo'], { perMessageDeflate });
      const log = [];
      client.on('message', (data, binary) => log.push(binary ? data : String(data)));
      await once(client, 'open');
      assert.match(client.extensions, /^permessage-deflate/);
      MESSAGES.forEach((message) => client.send(message));
      await until(() => log.length === MESSAGES.length);
      assert.ok(isSame(log), summary(log));
      client.close(4000);
      assert.strictEqual((await once(client, 'close'))[0], 4000);
    });

    it(`ws as a server, ${name}`, async (t) => {
      const listener = new ws.WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate });
      t.after(() => listener.close());
      listener.on('connection', (peer) => peer.on('message', (data, binary) => peer.send(data, { binary })));
      await once(listener, 'listening');
      const { client } = await echoThrough(WebSocket, `ws://127.0.0.1:${listener.address().port}/`, { deflate: options });
      assert.match(client.headers['sec-websocket-extensions'], /^permessage-deflate/);
    });
  }

  const python = process.env.PYTHON || 'python3';
  const hasPython = spawnSync(python, ['-c', 'import websockets.asyncio.client']).status === 0;
  const skip = !hasPython && `${python} has no websockets`;
  const script = path.join(__dirname, 'fixtures', 'python_peer.py');

  for (const options of [{}, TAKEOVER_OFF, { maxWindowBits: 9, requestMaxWindowBits: 10 }]) {
    it(`Python websockets as a client, ${JSON.stringify(options)}`, { skip }, async (t) => {
      const url = await echoServer(t, WebSocket, { deflate: options });
      const child = spawn(python, [script, 'client', url]);
      let output = '';
      child.stdout.on('data', (text) => { output += text; });
      child.stderr.on('data', (text) => { output += text; });
      await once(child, 'close');
      assert.strictEqual(output.trim(), 'all came back, protocol echo, extensions permessage-deflate, closed 1000');
    });

    it(`Python websockets as a server, ${JSON.stringify(options)}`, { skip }, async (t) => {
      const child = spawn(python, [script, 'server'], { stdio: ['ignore', 'pipe', 'ignore'] });
      t.after(() => child.kill());
      const [port] = await once(child.stdout, 'data');
      const { client } = await echoThrough(WebSocket, `ws://127.0.0.1:${Number(port)}/`, { deflate: options });
      assert.match(client.headers['sec-websocket-extensions'], /^permessage-deflate/);
    });
  }
});
