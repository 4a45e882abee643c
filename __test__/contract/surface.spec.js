'use strict';

// What the package exports, what a prototype and an instance show, and the
// internals that dependents reach for.
//
// Held here against the original: D9 (constants everywhere), B25/D18
// (bufferedAmount), named imports (section 1.2).

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const util = require('node:util');
const { EventEmitter } = require('node:events');
const { execFile } = require('node:child_process');
const { pathToFileURL } = require('node:url');
const { Duplex, Stream } = require('node:stream');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

const { it, differs } = require('../support/spec');
const { dir, manifest, WebSocket, isOriginal } = require('../support/package_under_test');
const handshakes = require('../support/handshakes');
const { RawPeer } = require('../support/raw_peer');
const { httpServer, openServer, openClient, serverSide } = require('../support/sides');
const { next, until } = require('../support/record');
const { timesOutWhenQuiet } = require('../support/quiet');
const { TEXT, BINARY, CLOSE, PONG, frame, masked, closePayload } = require('../support/frames');

const API = WebSocket.super_;
const { Client, EventSource } = WebSocket;

it('exports', () => {
  assert.ok(Object.getOwnPropertyNames(WebSocket).includes('super_'));
  assert.strictEqual(typeof WebSocket, 'function');
  assert.deepStrictEqual([WebSocket.name, WebSocket.length, Client.length, EventSource.length], ['WebSocket', 5, 3, 3]);
  assert.strictEqual(WebSocket.WebSocket, WebSocket);
  assert.strictEqual(Client.super_, API);
  assert.strictEqual(API.super_, Stream);
  assert.strictEqual(EventSource.super_, Stream);
  assert.deepStrictEqual(Object.keys(WebSocket).sort(), [
    'Client',
    'EventSource',
    'WebSocket',
    'isWebSocket',
    'validateOptions'
  ]);
  assert.strictEqual(typeof EventSource.isEventSource, 'function');
  assert.strictEqual(WebSocket.__esModule, undefined);
});

it('constants of the API class', () => {
  assert.deepStrictEqual(
    ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED', 'CLOSE_TIMEOUT'].map((name) => API[name]),
    [0, 1, 2, 3, 30000]
  );
});

differs('D9', 'constants of the classes and their instances, not enumerable', () => {
  for (const owner of [WebSocket, Client, WebSocket.prototype, Client.prototype]) {
    assert.deepStrictEqual(
      ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].map((name) => owner[name]),
      [0, 1, 2, 3]
    );
    assert.ok(!Object.keys(owner).includes('OPEN'));
  }
});

it('constructors need new', () => {
  for (const constructor of [WebSocket, Client, EventSource]) {
    assert.throws(() => constructor('ws://127.0.0.1:1/'), TypeError);
  }
});

it('the prototype chain and its methods', () => {
  for (const constructor of [WebSocket, Client]) {
    assert.ok(constructor.prototype instanceof API);
    assert.ok(constructor.prototype instanceof Stream);
    assert.ok(constructor.prototype instanceof EventEmitter);
  }
  const NAMES = [
    'write', 'end', 'pause', 'resume', 'send', 'ping', 'close',
    '_configureStream', '_open', '_receiveMessage', '_emitError', '_beginClose', '_finalizeClose',
    'onopen', 'onmessage', 'onerror', 'onclose', 'addEventListener', 'removeEventListener', 'dispatchEvent'
  ];
  for (const name of NAMES) {
    const { enumerable, writable } = Object.getOwnPropertyDescriptor(API.prototype, name) || {};
    assert.deepStrictEqual([name, enumerable, writable], [name, true, true]);
    assert.strictEqual(typeof API.prototype[name], name.startsWith('on') ? 'object' : 'function');
  }
  for (const name of ['_onConnect', '_configureProxy']) assert.strictEqual(typeof Client.prototype[name], 'function');
  for (const name of ['destroy', 'binaryType', 'setEncoding', 'cork']) {
    assert.strictEqual(API.prototype[name], undefined, name);
  }
});

differs('terminate', 'terminate, pong, isPaused and droppedMessages are there, not enumerable', () => {
  for (const name of ['terminate', 'pong', 'isPaused', 'droppedMessages']) {
    assert.strictEqual(Object.getOwnPropertyDescriptor(API.prototype, name).enumerable, false);
  }
});

it('subclasses in the style of util.inherits', async (t) => {
  function Mine(url) {
    Client.call(this, url);
    this.mine = true;
  }
  util.inherits(Mine, Client);
  const ws = new Mine('ws://127.0.0.1:1/');
  assert.ok(ws instanceof Client && ws instanceof API);
  ws.close();
  assert.deepStrictEqual([ws.mine, ws.readyState], [true, 3]);

  class Own extends WebSocket {
    send(message) {
      return super.send(`own ${message}`);
    }
  }
  const { port } = await httpServer(t, (req, socket, head) => new Own(req, socket, head).send('x'));
  const peer = await RawPeer.connect(port);
  t.after(() => peer.destroy());
  peer.write(handshakes.request());
  await peer.head();
  assert.strictEqual((await peer.frame()).payload.toString(), 'own x');
});

it('instance properties', async (t) => {
  const { ws } = await openServer(t);
  await until(() => ws.readyState === 1);
  for (const [name, value] of [
    ['readyState', 1],
    ['protocol', ''],
    ['url', 'ws://www.example.com/'],
    ['version', 'hybi-13'],
    ['readable', true],
    ['writable', true],
    ['bufferedAmount', 0]
  ]) {
    assert.strictEqual(ws[name], value, name);
    assert.ok(Object.keys(ws).includes(name), name);
  }
  assert.ok(!('headers' in ws) && !('statusCode' in ws));
  ws.readyState = 3;
  assert.strictEqual(ws.send('x'), false);
});

it('methods may be replaced, on the prototype and on an instance', async (t) => {
  const { ws, peer } = await openServer(t);
  const original = WebSocket.prototype.send;
  t.after(() => {
    if (Object.hasOwn(WebSocket.prototype, 'send')) delete WebSocket.prototype.send;
  });
  Object.getPrototypeOf(ws).send = function (data) {
    if (this.readyState > 1) return false;
    return this._driver.messages.write(`<${data}>`);
  };
  assert.strictEqual(ws.send('a'), true);
  assert.strictEqual((await peer.frame()).payload.toString(), '<a>');
  ws.send = (data) => original.call(ws, `[${data}]`);
  ws.send('b');
  assert.strictEqual((await peer.frame()).payload.toString(), '[b]');
});

for (const [side, open, out] of [
  ['server', openServer, masked],
  ['client', openClient, frame]
]) {
  it(`${side}: the driver beneath`, async (t) => {
    const { ws, peer } = await open(t);
    await until(() => ws.readyState === 1);
    const driver = ws._driver;
    assert.ok(driver instanceof EventEmitter);
    assert.strictEqual(driver.getState(), 'open');
    assert.deepStrictEqual([driver.readyState, driver.version, driver.url], [1, 'hybi-13', ws.url]);
    assert.strictEqual(driver.setHeader('X', 'late'), false);
    for (const name of ['start', 'parse', 'frame', 'text', 'binary', 'ping', 'pong', 'close', 'addExtension']) {
      assert.strictEqual(typeof driver[name], 'function', name);
    }

    assert.strictEqual(driver.messages.write('text'), true);
    assert.strictEqual(driver.messages.write(Buffer.from([1])), true);
    assert.strictEqual(driver.text('t'), true);
    assert.strictEqual(driver.binary(Buffer.from([2])), true);
    assert.strictEqual(driver.frame('f'), true);
    assert.strictEqual(driver.pong('p'), true);
    const got = [];
    for (let i = 0; i < 6; i++) {
      const { opcode, payload } = await peer.frame();
      got.push([opcode, payload.toString('latin1')]);
    }
    assert.deepStrictEqual(got, [
      [TEXT, 'text'],
      [BINARY, '\x01'],
      [TEXT, 't'],
      [BINARY, '\x02'],
      [TEXT, 'f'],
      [PONG, 'p']
    ]);

    const messages = [];
    for (const stream of [driver.io, driver.messages]) assert.ok(Array.isArray(stream.eventNames()));
    driver.on('message', (event) => messages.push(event.data));
    assert.deepStrictEqual(driver.eventNames().includes('message'), true);
    driver.messages.on('data', (data) => messages.push(data));
    peer.write(out(TEXT, 'in'));
    await next(ws, 'message');
    driver.parse(out(TEXT, 'parsed'));
    await until(() => messages.length === 4);
    assert.deepStrictEqual(messages.sort(), ['in', 'in', 'parsed', 'parsed']);

    // reason before code, unlike ws.close
    assert.strictEqual(driver.close('why', 3000), true);
    const close = await peer.frame();
    assert.deepStrictEqual(close.payload.toString('latin1'), '\x0b\xb8why');
    assert.strictEqual(driver.getState(), 'closing');
    assert.deepStrictEqual([driver.text('x'), driver.ping('x'), driver.close()], [false, false, false]);
  });
}

it('the request and the socket that a server connection was made of', async (t) => {
  const { ws, socket, request } = await openServer(t);
  assert.strictEqual(ws._stream, socket);
  assert.strictEqual(ws._driver._request, request);
  assert.strictEqual(ws._stream.remoteAddress, '127.0.0.1');
});

it('the request is unchanged', async (t) => {
  const { request } = await openServer(t);
  const { rawHeaders } = request;
  const names = rawHeaders.filter((_, i) => i % 2 === 0);
  assert.deepStrictEqual(Object.keys(request.headers).sort(), names.map((name) => name.toLowerCase()).sort());
  names.forEach((name, i) => assert.strictEqual(request.headers[name.toLowerCase()], rawHeaders[2 * i + 1]));
  assert.strictEqual(request.headers, request.headers);
  assert.deepStrictEqual([request.httpVersion, request.method, request.url], ['1.1', 'GET', '/']);
  assert.deepStrictEqual([request.eventNames(), request.listenerCount('close')], [[], 0]);
});

it('headers that the application has changed are used, and stay changed', async (t) => {
  let ws;
  const { port } = await httpServer(t, (request, socket, head) => {
    const { headers } = request;
    headers.host = 'changed.example.com';
    headers['x-added'] = 'yes';
    assert.strictEqual(WebSocket.isWebSocket(request), true);
    ws = new WebSocket(request, socket, head);
    assert.strictEqual(request.headers, headers);
  });
  const peer = await RawPeer.connect(port);
  t.after(() => peer.destroy());
  peer.write(handshakes.request());
  await peer.head();
  assert.strictEqual(ws.url, 'ws://changed.example.com/');
  assert.strictEqual(ws._driver._request.headers['x-added'], 'yes');
});

it('many connections with headers of their own each keep theirs', async (t) => {
  const seen = new Map();
  const { port } = await httpServer(t, (request, socket, head) => {
    const ws = new WebSocket(request, socket, head);
    ws.onopen = () => seen.set(request.headers['x-number'], ws._driver._request);
  });
  for (let i = 0; i < 8; i++) {
    const peer = await RawPeer.connect(port);
    t.after(() => peer.destroy());
    const headers = { 'X-Number': i, Origin: `http://${i % 2}.example.com`, 'User-Agent': `agent ${i % 3}` };
    peer.write(handshakes.request(headers));
    await peer.head();
  }
  await until(() => seen.size === 8);
  for (const [i, { headers, rawHeaders }] of seen) {
    assert.deepStrictEqual(
      [headers['x-number'], headers.origin, headers['user-agent']],
      [i, `http://${i % 2}.example.com`, `agent ${i % 3}`]
    );
    assert.ok(rawHeaders.includes(`agent ${i % 3}`) && rawHeaders.includes('X-Number'));
  }
});

for (const [side, open, out] of [['server', openServer, masked], ['client', openClient, frame]]) {
  it(`${side}: the driver's stream of messages, first read after the close`, async (t) => {
    const { ws, peer } = await open(t);
    await until(() => ws.readyState === 1);
    peer.write(out(CLOSE, closePayload(1000)));
    await next(ws, 'close');
    const { messages } = ws._driver;
    assert.ok(messages instanceof Stream);
    assert.strictEqual(messages, ws._driver.messages);
    assert.deepStrictEqual([messages.readable, messages.writable, messages.write('x')], [false, false, false]);
  });
}

it('the application may still use the socket of a server connection', async (t) => {
  const { ws, peer, socket } = await openServer(t);
  const log = [];
  for (const type of ['end', 'close']) socket.on(type, () => log.push(type));
  socket.setKeepAlive(true, 5000);
  socket.setNoDelay(true);
  const timedOut = new Promise((resolve) => socket.setTimeout(30, resolve));
  await timedOut;
  assert.strictEqual(ws.readyState, 1);
  assert.ok(socket.bytesRead > 0 && socket.bytesWritten > 0);
  peer.end();
  await until(() => log.includes('close'));
  assert.strictEqual(ws.readyState, 3);
});

it('a socket that times out and is destroyed closes the connection', async (t) => {
  const { ws, socket } = await openServer(t);
  socket.setTimeout(20, () => socket.destroy());
  assert.strictEqual((await next(ws, 'close')).code, 1006);
});

it('traffic keeps the timeout of the socket away', async (t) => {
  const { ws, peer, socket } = await openServer(t);
  await timesOutWhenQuiet(socket, 150, () => {
    const heard = next(ws, 'message');
    peer.write(masked(TEXT, 'x'));
    return heard;
  });
  const read = socket.bytesRead;
  peer.write(masked(TEXT, 'x'.repeat(1000)));
  await next(ws, 'message');
  assert.ok(socket.bytesRead >= read + 1000, `${socket.bytesRead} after ${read}`);
});

it('setHeader on the driver of an early connection', async (t) => {
  const { peer } = await serverSide(t, { setUp: (ws) => assert.strictEqual(ws._driver.setHeader('X-Late', 'ok'), true) });
  assert.match(await peer.head(), /X-Late: ok\r\n/);
});

/** Runs an ES module that prints JSON. */
function moduleOutput(source) {
  return new Promise((resolve, reject) => {
    const file = path.join(fs.mkdtempSync(path.join(require('node:os').tmpdir(), 'esm-')), 'main.mjs');
    fs.writeFileSync(file, source);
    execFile(process.execPath, ['--no-deprecation', file], { timeout: 50000 }, (error, stdout, stderr) => {
      fs.rmSync(path.dirname(file), { recursive: true });
      if (error) reject(new Error(stderr));
      else resolve(JSON.parse(stdout));
    });
  });
}

const MAIN = pathToFileURL(require.resolve(dir)).href;

it('ES modules: the default import', async () => {
  const out = await moduleOutput(
    `import WebSocket from ${JSON.stringify(MAIN)}; console.log(JSON.stringify([WebSocket.name, typeof WebSocket.Client]));`
  );
  assert.deepStrictEqual(out, ['WebSocket', 'function']);
});

differs('ESM', 'ES modules: named imports', async () => {
  const out = await moduleOutput(
    `import { Client, EventSource, WebSocket } from ${JSON.stringify(MAIN)};
     console.log(JSON.stringify([Client, EventSource, WebSocket].map((each) => typeof each)));`
  );
  assert.deepStrictEqual(out, ['function', 'function', 'function']);
});

it('package.json leaves deep paths open', () => {
  assert.strictEqual(manifest.exports, undefined);
  for (const file of ['websocket', 'websocket/client', 'websocket/api', 'websocket/api/event', 'websocket/api/event_target', 'eventsource']) {
    assert.ok(fs.existsSync(path.join(dir, 'lib/faye', `${file}.js`)), file);
  }
});

it('two requires, by name and by path, are one package', () => {
  assert.strictEqual(require(path.join(dir, 'lib/faye/websocket.js')), require(dir));
  assert.strictEqual(typeof isOriginal, 'boolean');
});

it('the socket is piped into an object that has the driver, also after a pause', async (t) => {
  const { ws, peer, socket } = await openServer(t);
  const destinations = () => socket._readableState.pipes.map((destination) => destination._driver);
  assert.deepStrictEqual(destinations(), [ws._driver]);
  for (const text of ['a', 'b']) {
    ws.pause();
    peer.write(masked(TEXT, text));
    const arrived = next(ws, 'message');
    ws.resume();
    assert.strictEqual((await arrived).data, text);
    assert.deepStrictEqual(destinations(), [ws._driver]);
  }
});

it('a connection over a stream that is forgotten unclosed gives its session back', { skip: isOriginal }, async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const headers = {
    host: 'x', connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'k'
  };
  const request = { method: 'GET', url: '/', headers };
  const open = () => {
    const stream = new Duplex({ read() {}, write(chunk, encoding, done) { done(); } });
    stream.setTimeout = stream.setNoDelay = () => {};
    return new WebSocket(request, stream, Buffer.alloc(0))._driver._id;
  };
  const ids = new Set();
  // As long as nothing is given back, every session has a number of its own.
  await until(() => {
    collect();
    const id = open();
    const isKnown = ids.has(id);
    ids.add(id);
    return isKnown;
  });
});
