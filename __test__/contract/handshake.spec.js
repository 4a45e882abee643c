'use strict';

// The bytes of a server's opening handshake, accepted and refused, of every protocol version; headers,
// subprotocols, URLs.
//
// Held here against the original (on websocket-driver 0.8.0): D1 (drafts 75 and 76), D2 (versions 7 and 8), D9
// (request), D17 (line breaks).

const assert = require('node:assert');
const path = require('node:path');

const { it, differs } = require('../support/spec');
const { dir, WebSocket } = require('../support/package_under_test');
const { httpServer, serverSide } = require('../support/sides');
const { record, next, until } = require('../support/record');
const { HIXIE76, ACCEPT, KEY, accept, request, request75, request76 } = require('../support/handshakes');

const REFUSAL = (text) =>
  `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;

it('server: the bytes of a 101', async (t) => {
  const { peer } = await serverSide(t);
  assert.strictEqual(
    await peer.head(),
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`
  );
});

it('server: headers of its own come first, trimmed, without duplicates, and a protocol', async (t) => {
  const { peer } = await serverSide(t, {
    head: request({ 'Sec-WebSocket-Protocol': 'foo, bar' }),
    protocols: ['bar', 'foo'],
    settings: {
      headers: {
        'X-One': '  a  ',
        'x-one': 'ignored',
        'X-Empty': '',
        'X-Absent': undefined,
        'X-Number': 7,
        'X-List': ['p', 'q'],
        'Set-Cookie': 'a=1',
        'set-cookie': 'b=2'
      }
    }
  });
  assert.strictEqual(
    await peer.head(),
    'HTTP/1.1 101 Switching Protocols\r\nX-One: a\r\nX-Empty: \r\nX-Number: 7\r\nX-List: p,q\r\n' +
      'Set-Cookie: a=1\r\nset-cookie: b=2\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${ACCEPT}\r\nSec-WebSocket-Protocol: foo\r\n\r\n`
  );
});

it("server: its own headers override the protocol's", async (t) => {
  const { peer } = await serverSide(t, { settings: { headers: { Upgrade: 'custom' } } });
  assert.match(await peer.head(), /^HTTP\/1\.1 101 Switching Protocols\r\nUpgrade: custom\r\nConnection: Upgrade\r\n/);
});

it('a null header value is a TypeError', async (t) => {
  const { peer } = await serverSide(t, {
    setUp(ws, req, socket) {
      assert.throws(() => new WebSocket(req, socket, null, [], { headers: { 'X-Null': null } }), {
        name: 'TypeError',
        message: "Cannot read properties of null (reading 'toString')"
      });
    }
  });
  await peer.head();
});

for (const [header, ours, chosen] of [
  ['foo, bar', ['bar', 'foo'], 'foo'],
  ['foo,bar', 'bar', 'bar'],
  ['foo', 'a , foo', 'foo'],
  ['foo', ['x'], ''],
  [undefined, ['x'], ''],
  ['foo', undefined, ''],
  ['foo', null, '']
]) {
  it(`server: offered ${header}, with ${ours} of its own, chooses ${chosen || 'none'}`, async (t) => {
    const { ws, peer } = await serverSide(t, {
      head: request({ 'Sec-WebSocket-Protocol': header }),
      protocols: ours
    });
    const head = await peer.head();
    await until(() => ws.readyState === 1);
    assert.strictEqual(ws.protocol, chosen);
    assert.strictEqual(/Sec-WebSocket-Protocol: (.*)\r\n/.exec(head)?.[1], chosen || undefined);
  });
}

for (const [headers, text] of [
  [{ 'Sec-WebSocket-Version': '99' }, 'Unsupported WebSocket version: 99'],
  [{ 'Sec-WebSocket-Version': '013' }, 'Unsupported WebSocket version: 013'],
  [{ 'Sec-WebSocket-Version': '14' }, 'Unsupported WebSocket version: 14'],
  [{ 'Sec-WebSocket-Version': undefined }, 'Unsupported WebSocket version: undefined'],
  [{ 'Sec-WebSocket-Key': undefined }, 'Missing handshake request header: Sec-WebSocket-Key'],
  [{ 'Sec-WebSocket-Version': '99', 'Sec-WebSocket-Key': undefined }, 'Unsupported WebSocket version: 99']
]) {
  it(`server: refuses with "${text}"`, async (t) => {
    const { peer } = await serverSide(t, { head: request(headers), settings: { headers: { 'X-Own': 'unsent' } } });
    assert.strictEqual((await peer.rest()).toString(), REFUSAL(text));
  });
}

it('server: refuses a bad extension header when extensions are given', async (t) => {
  const { peer } = await serverSide(t, {
    head: request({ 'Sec-WebSocket-Extensions': 'x-webkit- -frame' }),
    settings: { extensions: [require('permessage-deflate')] }
  });
  const text = 'Invalid Sec-WebSocket-Extensions header: x-webkit- -frame';
  assert.strictEqual((await peer.rest()).toString(), REFUSAL(text));
});

it('server: a request that is not for a WebSocket is refused', async (t) => {
  // Node asks for an 'upgrade' listener whatever the protocol.
  const { peer } = await serverSide(t, { head: request({ Upgrade: 'h2c' }) });
  assert.strictEqual((await peer.rest()).toString(), REFUSAL('Not a WebSocket request'));
});

for (const key of ['', 'a', 'not base64!']) {
  it(`server: does not judge the key ${JSON.stringify(key)}`, async (t) => {
    const { peer } = await serverSide(t, { head: request({ 'Sec-WebSocket-Key': key }) });
    assert.ok((await peer.head()).includes(`Sec-WebSocket-Accept: ${accept(key)}\r\n`));
  });
}

for (const version of ['7', '8']) {
  differs('D2', `server: accepts version ${version}`, async (t) => {
    const { ws, peer } = await serverSide(t, { head: request({ 'Sec-WebSocket-Version': version }) });
    assert.ok((await peer.head()).includes(ACCEPT));
    assert.strictEqual(ws.version, `hybi-${version}`);
  });

  differs('D2', `server: refuses version ${version} without drafts`, async (t) => {
    const { peer } = await serverSide(t, {
      head: request({ 'Sec-WebSocket-Version': version }),
      settings: { allowDrafts: false }
    });
    assert.strictEqual((await peer.rest()).toString(), REFUSAL(`Unsupported WebSocket version: ${version}`));
  });
}

differs('D1', 'server: the bytes of draft 75', async (t) => {
  const { ws, peer } = await serverSide(t, {
    head: request75({}, { path: '/chat?x=1' }),
    settings: { headers: { 'X-Own': 'here' } }
  });
  assert.strictEqual(
    await peer.head(),
    'HTTP/1.1 101 Web Socket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n' +
      'WebSocket-Origin: http://www.example.com\r\nWebSocket-Location: ws://www.example.com/chat?x=1\r\n' +
      'X-Own: here\r\n\r\n'
  );
  assert.strictEqual(ws.version, 'hixie-75');
  ws.send('Hi');
  assert.strictEqual((await peer.read(4)).toString('latin1'), '\x00Hi\xff');
  assert.strictEqual(ws.send(Buffer.from('dropped')), true);
  assert.strictEqual(ws.ping('dropped'), false);
  const message = next(ws, 'message');
  peer.write(Buffer.concat([Buffer.from([0x80, 3, 1, 2, 3]), Buffer.from('\x00h\xc3\xa9\xff', 'latin1')]));
  assert.strictEqual((await message).data, 'hé');
  const log = record(ws);
  ws.close();
  assert.deepStrictEqual(log, [['end'], ['close', null, null]]);
  assert.strictEqual((await peer.rest()).length, 0);
});

differs('D1', 'server: the bytes of draft 76, its body at once', async (t) => {
  const { ws, peer } = await serverSide(t, { head: request76(), extra: HIXIE76.body });
  assert.strictEqual(
    await peer.head(),
    'HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Origin: http://www.example.com\r\nSec-WebSocket-Location: ws://www.example.com/\r\n\r\n'
  );
  assert.deepStrictEqual(await peer.read(16), HIXIE76.answer);
  assert.strictEqual(ws.version, 'hixie-76');
  const log = record(ws);
  peer.write(Buffer.from('\x00one\xff\xff\x00', 'latin1'));
  await until(() => log.length === 3);
  assert.deepStrictEqual(log, [['message', 'one'], ['end'], ['close', null, null]]);
  assert.deepStrictEqual(await peer.rest(), Buffer.from([0xff, 0]));
});

differs('D1', 'server: draft 76 opens only when its body has come, byte by byte', async (t) => {
  let log;
  const { ws, peer } = await serverSide(t, { head: request76({ Origin: undefined }), setUp: (made) => (log = record(made)) });
  assert.ok(!(await peer.head()).includes('Origin'));
  assert.strictEqual(ws.readyState, 0);
  assert.strictEqual(ws.send('queued'), true);
  await peer.drip(HIXIE76.body.subarray(0, 7));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.strictEqual(ws.readyState, 0);
  peer.write(Buffer.concat([HIXIE76.body.subarray(7), Buffer.from('\x00early\xff', 'latin1')]));
  assert.deepStrictEqual(await peer.read(16), HIXIE76.answer);
  assert.strictEqual((await peer.read(8)).toString('latin1'), '\x00queued\xff');
  await until(() => log.length === 2);
  assert.deepStrictEqual(log, [['open'], ['message', 'early']]);
});

for (const [name, headers, text] of [
  ['without Key1', { 'Sec-WebSocket-Key1': undefined }, 'Missing required header: Sec-WebSocket-Key1'],
  ['without Key2', { 'Sec-WebSocket-Key2': undefined }, 'Missing required header: Sec-WebSocket-Key2'],
  ['with an odd key', { 'Sec-WebSocket-Key1': '2 L785 8o% s9Sy9@V. 4<1P5' }, 'Client sent invalid Sec-WebSocket-Key headers'],
  ['with a key without spaces', { 'Sec-WebSocket-Key1': '12345' }, 'Client sent invalid Sec-WebSocket-Key headers'],
  ['with a key without digits', { 'Sec-WebSocket-Key1': 'a b' }, 'Client sent invalid Sec-WebSocket-Key headers'],
  ['with a key of zero', { 'Sec-WebSocket-Key1': '0 x' }, 'Client sent invalid Sec-WebSocket-Key headers'],
  ['with a huge key', { 'Sec-WebSocket-Key1': '9 9999999999999' }, 'Client sent invalid Sec-WebSocket-Key headers']
]) {
  differs('D1', `server: refuses draft 76 ${name}`, async (t) => {
    let log;
    const { peer } = await serverSide(t, { head: request76(headers), extra: HIXIE76.body, setUp: (ws) => (log = record(ws)) });
    assert.strictEqual((await peer.rest()).toString(), REFUSAL(text));
    await until(() => log.length === 3);
    assert.deepStrictEqual(log, [['error', text], ['end'], ['close', null, null]]);
  });
}

it('server: refuses drafts 75 and 76 where they are not allowed', async (t) => {
  const { isOriginal } = require('../support/package_under_test');
  for (const head of [request75(), request76()]) {
    const { peer } = await serverSide(t, { head, settings: isOriginal ? {} : { allowDrafts: false } });
    assert.strictEqual((await peer.rest()).toString(), REFUSAL('Unsupported WebSocket version: undefined'));
  }
});

for (const [name, headers, expected] of [
  ['plain', {}, 'ws:'],
  ['https: on', { https: 'on' }, 'wss:'],
  ['x-forwarded-ssl: on', { 'x-forwarded-ssl': 'on' }, 'wss:'],
  ['x-forwarded-scheme: https', { 'x-forwarded-scheme': 'https' }, 'wss:'],
  ['x-forwarded-proto: https', { 'x-forwarded-proto': 'https' }, 'wss:'],
  ['x-forwarded-proto: HTTPS', { 'x-forwarded-proto': 'HTTPS' }, 'ws:'],
  ['x-forwarded-proto: wss', { 'x-forwarded-proto': 'wss' }, 'ws:'],
  ['x-forwarded-proto: https,http', { 'x-forwarded-proto': 'https,http' }, 'ws:']
]) {
  it(`server: the URL of a request that is ${name}`, async (t) => {
    const { ws, peer } = await serverSide(t, { head: request(headers, { path: '/a?b=c' }) });
    assert.strictEqual(ws.url, `${expected}//www.example.com/a?b=c`);
    await peer.head();
  });
}

it('server: a request without Host, and one with an odd target', async (t) => {
  const { httpServer: serve } = { httpServer };
  const urls = [];
  const { port } = await serve(t, (req, socket, head) => {
    delete req.headers.host;
    req.url = '//%%%:99999';
    const ws = new WebSocket(req, socket, head);
    urls.push(ws.url);
  });
  const { RawPeer } = require('../support/raw_peer');
  const peer = await RawPeer.connect(port);
  t.after(() => peer.destroy());
  peer.write(request());
  assert.match(await peer.head(), / 101 /);
  assert.deepStrictEqual(urls, ['ws://undefined//%%%:99999']);
});

differs('D9', 'server: knows its request, without showing it', async (t) => {
  let same;
  const { ws, peer } = await serverSide(t, { setUp: (made, req) => (same = made.request === req) });
  await peer.head();
  assert.strictEqual(same, true);
  assert.ok(!Object.keys(ws).includes('request'));
});

differs('D17', 'line breaks in a header of the server are a TypeError', async (t) => {
  let thrown;
  await serverSide(t, {
    setUp(ws, req, socket) {
      ws.close();
      try {
        new WebSocket(req, socket, null, [], { headers: { X: 'a\r\nb' } });
      } catch (error) {
        thrown = error;
      }
    }
  });
  assert.ok(thrown instanceof TypeError);
});

it('isWebSocket', () => {
  const is = (method, connection, upgrade, rest) =>
    WebSocket.isWebSocket({ method, headers: { connection, upgrade, ...rest } });
  assert.strictEqual(is('GET', 'Upgrade', 'websocket'), true);
  assert.strictEqual(is('GET', 'a,Upgrade ,b', 'WebSocket'), true);
  assert.strictEqual(is('GET', 'keep-alive, upgrade', 'WEBSOCKET'), true);
  assert.strictEqual(is('GET', 'a\t,\tUpgrade', 'websocket'), false);
  assert.strictEqual(is('get', 'Upgrade', 'websocket'), false);
  assert.strictEqual(is('POST', 'Upgrade', 'websocket'), false);
  assert.strictEqual(is('GET', 'Upgrade', 'websocket, h2c'), false);
  assert.strictEqual(is(undefined, 'Upgrade', 'websocket'), false);
  assert.strictEqual(is(null, 'Upgrade', 'websocket'), false);
  assert.strictEqual(is('GET', 'close', 'websocket'), false);
  assert.strictEqual(is('GET', undefined, 'websocket'), false);
  assert.strictEqual(is('GET', 'Upgrade', undefined), false);
  assert.throws(() => WebSocket.isWebSocket({ method: 'GET' }), TypeError);
});

it('validateOptions, and unknown options of every constructor', async (t) => {
  assert.strictEqual(WebSocket.validateOptions(null, []), undefined);
  assert.strictEqual(WebSocket.validateOptions({ a: 1 }, ['a']), undefined);
  assert.throws(() => WebSocket.validateOptions({ a: undefined }, []), { message: 'Unrecognized option: a' });
  assert.throws(() => WebSocket.validateOptions(Object.create({ inherited: 1 }), []), {
    message: 'Unrecognized option: inherited'
  });
  const { peer } = await serverSide(t, {
    settings: { ping: undefined, headers: undefined },
    setUp(ws, req, socket) {
      assert.throws(() => new WebSocket(req, socket, null, [], { foo: 1 }), { message: 'Unrecognized option: foo' });
    }
  });
  await peer.head();
});

it('the modules at the original\'s paths', () => {
  assert.strictEqual(require(path.join(dir, 'lib/faye/websocket')), WebSocket);
  assert.strictEqual(require(path.join(dir, 'lib/faye/websocket/client')), WebSocket.Client);
  assert.strictEqual(require(path.join(dir, 'lib/faye/websocket/api')), WebSocket.super_);
  assert.strictEqual(require(path.join(dir, 'lib/faye/eventsource')), WebSocket.EventSource);
  assert.strictEqual(KEY.length, 24);
});
