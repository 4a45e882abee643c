'use strict';

// Hostile peers during the opening handshake: what they offer and answer, what never ends, what is cut short.

const assert = require('node:assert');

const { it } = require('./support/spec');
const { WebSocket, isOriginal } = require('./support/package_under_test');
const { httpServer, rawServer, serverSide, clientSide } = require('./support/sides');
const { WAYS, alive, end } = require('./support/hostility');
const { next, until } = require('./support/record');
const { RawPeer } = require('./support/raw_peer');
const { request, response } = require('./support/handshakes');

const deflateSettings = { extensions: [require('permessage-deflate')] };

it('server: offers with parameters out of range are declined', async (t) => {
  for (const params of [
    'server_max_window_bits=7',
    'server_max_window_bits=16',
    'client_max_window_bits=99',
    'server_max_window_bits=1e1',
    'server_max_window_bits',
    'server_no_context_takeover=1',
    'client_max_window_bits=10; client_max_window_bits=11'
  ]) {
    const { peer } = await serverSide(t, {
      head: request({ 'Sec-WebSocket-Extensions': `permessage-deflate; ${params}` }),
      settings: deflateSettings
    });
    const head = await peer.head();
    assert.ok(!/Sec-WebSocket-Extensions/.test(head), `${params}: ${head}`);
  }
});

it('client: answers with parameters out of range fail the handshake', async (t) => {
  for (const params of ['server_max_window_bits=7', 'client_max_window_bits=16', 'x=1', 'server_no_context_takeover=2']) {
    const { ws, peer, head } = await clientSide(t, { settings: deflateSettings });
    const ended = end(ws);
    peer.write(response(head, { 'Sec-WebSocket-Extensions': `permessage-deflate; ${params}` }));
    assert.strictEqual((await ended).code, 1002, params);
  }
});

// Row 18.
it('server: extension headers made to take long', async (t) => {
  const settings = deflateSettings;
  for (const header of [
    `a; b="${'\\c'.repeat(7000)}`,
    Array.from({ length: 2500 }, (each, i) => `x${i}`).join(','),
    'constructor, __proto__, toString; __proto__=1; hasOwnProperty',
    `permessage-deflate${'; a=1'.repeat(2500)}`,
    `${' '.repeat(7000)}a${'\t'.repeat(7000)}`,
    `a;${'b;'.repeat(5000)}`
  ]) {
    const start = process.hrtime.bigint();
    const { peer } = await serverSide(t, { head: request({ 'Sec-WebSocket-Extensions': header }), settings });
    assert.match(await peer.head(), /^HTTP\/1\.1 (101|400) /);
    const milliseconds = Number(process.hrtime.bigint() - start) / 1e6;
    assert.ok(milliseconds < 500, `${milliseconds} ms for ${header.slice(0, 30)}`);
  }
  await alive(t);
});

// Rows 20, 21.
it('server: odd keys, protocols, targets and hosts', async (t) => {
  for (const [headers, options] of [
    [{ 'Sec-WebSocket-Key': 'x'.repeat(5000) }],
    [{ 'Sec-WebSocket-Key': ['a', 'b'] }],
    [{ 'Sec-WebSocket-Protocol': 'a,,b;"' }],
    [{ 'Sec-WebSocket-Protocol': ','.repeat(5000) }],
    [{ 'Sec-WebSocket-Protocol': `${'a '.repeat(5000)}` }],
    [{ Host: ':::' }],
    [{ Host: 'x'.repeat(3000) }],
    [{}, { path: '//%%%:99999' }],
    [{}, { path: '*' }],
    [{}, { path: '/\u00ff\u00fe' }]
  ]) {
    const { port } = await httpServer(t, (req, socket, head) => {
      const ws = new WebSocket(req, socket, head, ['a', 'b']);
      assert.strictEqual(typeof ws.url, 'string');
    });
    const peer = await RawPeer.connect(port);
    peer.write(Buffer.from(request(headers, options), 'latin1'));
    // 400 comes from us, or from Node for what its own parser refuses.
    assert.match(await peer.head(), /^HTTP\/1\.1 (101|400) /);
    peer.destroy();
  }
  await alive(t);
});

// Row 25.
for (const [way, write] of WAYS) {
  it(`client: a response without an end, ${way}`, { timeout: 60000 }, async (t) => {
    const { ws, peer, head } = await clientSide(t);
    const ended = end(ws);
    const start = response(head).replace(/\r\n\r\n$/, '\r\n');
    await write(peer, Buffer.from(start));
    const line = Buffer.from(`X-Padding: ${'x'.repeat(1000)}\r\n`);
    let closed = false;
    ws.on('close', () => (closed = true));
    for (let i = 0; i < 200 && !closed; i++) {
      await write(peer, line);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { code, error } = await ended;
    assert.strictEqual(code, 1002);
    assert.strictEqual(error, 'Error during WebSocket handshake: max header size exceeded');
  });
}

it('client: a proxy that answers without an end', { timeout: 60000 }, async (t) => {
  const { port, accept } = await rawServer(t);
  const ws = new WebSocket.Client('ws://localhost:9/', [], { proxy: { origin: `http://127.0.0.1:${port}` } });
  t.after(() => ws.close());
  let closed = false;
  ws.on('close', () => (closed = true));
  let error;
  ws.on('error', (event) => (error = event.message));
  const peer = await accept();
  await peer.head();
  peer.write('HTTP/1.1 200 OK\r\n');
  for (let i = 0; i < 200 && !error; i++) {
    peer.write(`X-Padding: ${'x'.repeat(1000)}\r\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => error);
  if (!isOriginal) await until(() => closed);
});

it('client: a response that is dripped for a while', { timeout: 60000 }, async (t) => {
  const { ws, peer, head } = await clientSide(t);
  const opened = next(ws, 'open');
  const padded = response(head, Object.fromEntries(Array.from({ length: 30 }, (each, i) => [`X-${i}`, 'y'.repeat(500)])));
  const bytes = Buffer.from(padded);
  for (let at = 0; at < bytes.length; at++) {
    peer.write(bytes.subarray(at, at + 1));
    if (at % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await opened;
});

// Row 31, in small.
it('server and client: five hundred connections leave nothing behind', { timeout: 60000 }, async (t) => {
  const open = new Set();
  const { port } = await httpServer(t, (req, socket, head) => {
    const ws = new WebSocket(req, socket, head);
    open.add(ws);
    ws.on('close', () => open.delete(ws));
  });
  const connect = async () => {
    const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/`);
    await next(ws, 'open');
    ws.close();
    await next(ws, 'close');
  };
  for (let i = 0; i < 25; i++) await Promise.all(Array.from({ length: 20 }, connect));
  await until(() => open.size === 0);
});

it('half a handshake, many times', async (t) => {
  const { port } = await httpServer(t, (req, socket, head) => new WebSocket(req, socket, head));
  const whole = request();
  for (let cut = 1; cut < whole.length; cut += 17) {
    const peer = await RawPeer.connect(port);
    peer.write(whole.slice(0, cut));
    peer.destroy();
  }
  await alive(t);
});
