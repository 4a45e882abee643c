'use strict';

// Which listeners run, in which order, and what they find (contract: S1-S10).

const assert = require('node:assert');

const { it, differs } = require('../support/spec');
const { WebSocket } = require('../support/package_under_test');
const { openServer, openClient, serverSide, clientSide } = require('../support/sides');
const { record, next, until } = require('../support/record');
const { TEXT, CLOSE, frame, masked, closePayload } = require('../support/frames');
const handshakes = require('../support/handshakes');

it('on-handlers run before listeners, data before message', async (t) => {
  const { ws, peer } = await openServer(t);
  const log = [];
  ws.on('message', () => log.push('listener'));
  ws.onmessage = () => log.push('handler');
  ws.on('data', (data) => log.push(`data ${data}`));
  ws.ondata = () => log.push('never');
  peer.write(masked(TEXT, 'x'));
  await until(() => log.length === 3);
  assert.deepStrictEqual(log, ['data x', 'handler', 'listener']);
});

it('dispatches every message of a chunk in one turn of the socket', async (t) => {
  const { ws, peer, socket } = await openServer(t);
  const log = [];
  ws.on('message', (event) => {
    log.push(event.data);
    if (log.length === 1) process.nextTick(() => log.push('tick'));
  });
  assert.ok(socket.readable);
  peer.write(Buffer.concat([masked(TEXT, '1'), masked(TEXT, '2'), masked(TEXT, '3')]));
  await until(() => log.length === 4);
  assert.deepStrictEqual(log, ['1', '2', '3', 'tick']);
});

for (const [side, open, out] of [
  ['server', openServer, masked],
  ['client', openClient, frame]
]) {
  it(`${side}: end comes before close, with the state each finds`, async (t) => {
    const { ws, peer } = await open(t);
    const log = [];
    ws.on('end', () => log.push(['end', ws.readyState, ws.readable, ws.writable]));
    ws.onclose = () => log.push(['onclose', ws.readyState, ws.readable, ws.writable]);
    ws.on('close', (event) => log.push(['close', event.code, event.reason]));
    peer.write(out(CLOSE, closePayload(3000, 'bye')));
    await until(() => log.length === 3);
    assert.deepStrictEqual(log, [
      ['end', 3, true, true],
      ['onclose', 3, false, false],
      ['close', 3000, 'bye']
    ]);
    const echo = await peer.frame();
    assert.deepStrictEqual([echo.opcode, echo.payload], [CLOSE, closePayload(3000, 'bye')]);
  });

  it(`${side}: a protocol error is told first, in state open, then end and close`, async (t) => {
    const { ws, peer } = await open(t);
    const log = record(ws);
    let state;
    ws.onerror = () => (state = ws.readyState);
    peer.write(out(3, 'x'));
    await until(() => log.length === 3);
    assert.strictEqual(state, 1);
    assert.deepStrictEqual(log, [
      ['error', 'Unrecognized frame opcode: 3'],
      ['end'],
      ['close', 1002, 'Unrecognized frame opcode: 3']
    ]);
  });

  it(`${side}: close fires once, and nothing after it`, async (t) => {
    const { ws, peer } = await open(t);
    const log = record(ws);
    peer.write(Buffer.concat([out(CLOSE, closePayload(1000)), out(3, ''), out(TEXT, 'late')]));
    await until(() => log.length === 2);
    ws.close();
    peer.write(out(CLOSE, closePayload(1001)));
    peer.end();
    await peer.rest();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepStrictEqual(log, [['end'], ['close', 1000, '']]);
  });

  it(`${side}: a peer that hangs up without a close frame is 1006, after its last message`, async (t) => {
    const { ws, peer } = await open(t);
    const log = record(ws);
    peer.write(out(TEXT, 'last words'));
    peer.end();
    await until(() => log.length === 3);
    assert.deepStrictEqual(log, [['message', 'last words'], ['end'], ['close', 1006, '']]);
  });

  it(`${side}: a peer that resets is an error, if any, and 1006`, async (t) => {
    const { ws, peer } = await open(t);
    const log = record(ws);
    peer.reset();
    await next(ws, 'close');
    assert.deepStrictEqual(log.slice(-2), [['end'], ['close', 1006, '']]);
    for (const [type, message] of log.slice(0, -2)) {
      assert.strictEqual(type, 'error');
      assert.match(message, /^Network error: ws:\/\/.*ECONNRESET/);
    }
  });

  it(`${side}: destroying the stream beneath is 1006`, async (t) => {
    const { ws } = await open(t);
    const log = record(ws);
    ws._stream.destroy();
    await next(ws, 'close');
    assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
  });

  it(`${side}: an event knows its target and has the fields of old`, async (t) => {
    const { ws, peer } = await open(t);
    peer.write(out(TEXT, 'x'));
    const message = await next(ws, 'message');
    assert.deepStrictEqual(Object.keys(message), [
      'type',
      'data',
      'bubbles',
      'cancelable',
      'currentTarget',
      'target',
      'eventPhase'
    ]);
    assert.deepStrictEqual(
      [message.type, message.target === ws, message.currentTarget === ws, message.eventPhase, message.bubbles],
      ['message', true, true, 2, false]
    );
    peer.write(out(CLOSE, closePayload(1000)));
    const close = await next(ws, 'close');
    assert.deepStrictEqual(Object.keys(close).slice(0, 3), ['type', 'code', 'reason']);
  });

  it(`${side}: closing in a data listener still delivers that message, in state closing, and no later one`, async (t) => {
    const { ws, peer } = await open(t);
    const log = [];
    ws.on('data', () => ws.close());
    ws.on('message', (event) => log.push([event.data, ws.readyState]));
    peer.write(Buffer.concat([out(TEXT, 'one'), out(TEXT, 'two')]));
    const { opcode } = await peer.frame();
    assert.strictEqual(opcode, CLOSE);
    peer.write(Buffer.concat([out(TEXT, 'three'), out(CLOSE, closePayload(1000))]));
    await next(ws, 'close');
    assert.deepStrictEqual(log, [['one', 2]]);
  });

  it(`${side}: handlers set to null are skipped`, async (t) => {
    const { ws, peer } = await open(t);
    ws.onmessage = ws.onclose = ws.onerror = ws.onopen = null;
    const log = record(ws);
    peer.write(Buffer.concat([out(TEXT, 'x'), out(CLOSE, closePayload(1000))]));
    await until(() => log.length === 3);
  });

  it(`${side}: an error without a listener of one's own does not throw`, async (t) => {
    const { ws, peer } = await open(t);
    peer.write(out(15, ''));
    assert.strictEqual((await next(ws, 'close')).code, 1002);
  });

  differs('B33', `${side}: nor after removeAllListeners`, async (t) => {
    const { ws, peer } = await open(t);
    ws.removeAllListeners();
    ws.onclose = () => {};
    const closed = new Promise((resolve) => (ws.onclose = resolve));
    peer.write(out(15, ''));
    assert.strictEqual((await closed).code, 1002);
  });
}

it('a server handshake that fails: error in state connecting, end, close', async (t) => {
  let log;
  const states = [];
  const { peer } = await serverSide(t, {
    head: handshakes.request({ 'Sec-WebSocket-Version': '99' }),
    setUp(ws) {
      log = record(ws);
      ws.onerror = () => states.push(ws.readyState);
      ws.onclose = () => states.push(ws.readyState);
    }
  });
  await peer.rest();
  await until(() => log.length === 3);
  const text = 'Unsupported WebSocket version: 99';
  assert.deepStrictEqual(log, [['error', text], ['end'], ['close', 1002, text]]);
  assert.deepStrictEqual(states, [0, 3]);
});

it('a client handshake that fails: error in state connecting, end, close', async (t) => {
  const { ws, peer } = await clientSide(t);
  const log = record(ws);
  let seen;
  ws.onerror = () => (seen = [ws.readyState, ws.statusCode, ws.headers.location]);
  peer.write('HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n');
  await next(ws, 'close');
  const text = 'Error during WebSocket handshake: Unexpected response code: 302';
  assert.deepStrictEqual(log, [['error', text], ['end'], ['close', 1002, text]]);
  assert.deepStrictEqual(seen, [0, 302, '/elsewhere']);
});

it('listeners: duplicates run twice, removal takes one, useCapture is ignored', async (t) => {
  const { ws, peer } = await openServer(t);
  let calls = 0;
  const listener = () => calls++;
  ws.addEventListener('message', listener, true);
  ws.addEventListener('message', listener);
  peer.write(masked(TEXT, 'x'));
  await next(ws, 'message');
  assert.strictEqual(calls, 2);
  ws.removeEventListener('message', listener, true);
  peer.write(masked(TEXT, 'x'));
  await next(ws, 'message');
  assert.strictEqual(calls, 3);
  assert.throws(() => ws.addEventListener('message', null), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => ws.addEventListener('message', { handleEvent() {} }), { code: 'ERR_INVALID_ARG_TYPE' });
});

it('dispatchEvent runs the handler, then the listeners, for any type', async (t) => {
  const { ws } = await openServer(t);
  const log = [];
  ws.onfoo = (event) => log.push(['handler', event.type, event.target === ws, event.eventPhase]);
  ws.on('foo', (event) => log.push(['listener', event.detail]));
  assert.strictEqual(ws.dispatchEvent({ type: 'foo', detail: 7 }), undefined);
  assert.deepStrictEqual(log, [
    ['handler', 'foo', true, 2],
    ['listener', 7]
  ]);
});

differs('additions', 'has ping and pong events', async (t) => {
  const { ws, peer } = await openServer(t);
  const log = [];
  for (const type of ['ping', 'pong']) ws.on(type, ({ data }) => log.push(`ws ${type} ${data}`));
  peer.write(Buffer.concat([masked(9, 'a'), masked(10, 'b')]));
  await until(() => log.length === 2);
  assert.deepStrictEqual(log, ['ws ping a', 'ws pong b']);
});

it('the driver beneath has ping and pong events', async (t) => {
  const { ws, peer } = await openServer(t);
  const log = [];
  ws._driver.on('ping', (event) => log.push(`driver ping ${event.data}`));
  ws._driver.on('pong', (event) => log.push(`driver pong ${event.data}`));
  peer.write(Buffer.concat([masked(9, 'a'), masked(10, 'b')]));
  await until(() => log.length === 2);
  assert.deepStrictEqual(log, ['driver ping a', 'driver pong b']);
});

it('events have only the properties of the original', () => {
  const { Event } = { Event: require(require('../support/package_under_test').dir + '/lib/faye/websocket/api/event.js') };
  const event = new Event('x', { extra: 1 });
  assert.deepStrictEqual(Object.keys(event), ['type', 'extra']);
  event.initEvent('y', true, true);
  assert.deepStrictEqual([event.type, event.bubbles, event.cancelable], ['y', true, true]);
  assert.deepStrictEqual([Event.CAPTURING_PHASE, Event.AT_TARGET, Event.BUBBLING_PHASE], [1, 2, 3]);
  assert.strictEqual(event.stopPropagation(), undefined);
  assert.strictEqual(event.preventDefault(), undefined);
  assert.ok(WebSocket);
});
