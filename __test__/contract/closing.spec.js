'use strict';

// close() with every class of argument, in every state and from every
// listener; the closing handshake; and that nothing keeps the process alive.
//
// Held here against the original: B19/D13 (codes 1012-1014 from a peer), B20
// (reasons beyond 123 bytes), B22 (odd reasons).

const assert = require('node:assert');
const { execFile } = require('node:child_process');
const path = require('node:path');

const { it, differs } = require('../support/spec');
const { dir, WebSocket } = require('../support/package_under_test');
const { openServer, openClient, serverSide, clientSide } = require('../support/sides');
const { record, next, until } = require('../support/record');
const { TEXT, PING, PONG, CLOSE, frame, masked, closePayload } = require('../support/frames');
const handshakes = require('../support/handshakes');

const API = require(path.join(dir, 'lib/faye/websocket/api.js'));

const SIDES = [
  ['server', openServer, masked],
  ['client', openClient, frame]
];

const REFUSED = (code) =>
  "Failed to execute 'close' on WebSocket: The code must be either 1000, or between 3000 and 4999. " +
  `${code} is neither.`;

/** The close frame that `ws.close(...args)` puts on the wire. */
async function wire(t, open, args) {
  const { ws, peer } = await open(t);
  assert.strictEqual(ws.close(...args), undefined);
  const sent = await peer.frame();
  assert.strictEqual(sent.opcode, CLOSE);
  peer.destroy();
  return sent.payload;
}

for (const [side, open, out] of SIDES) {
  for (const code of [null, '1000', true, false, 0, -1, 999, 1001, 1005, 1006, 1011, 1015, 2999, 5000, Infinity]) {
    it(`${side}: close(${String(code)}) throws and changes nothing`, async (t) => {
      const { ws } = await open(t);
      assert.throws(() => ws.close(code), { name: 'Error', message: REFUSED(code) });
      assert.strictEqual(ws.readyState, 1);
    });
  }

  for (const [args, payload] of [
    [[], closePayload(1000)],
    [[undefined], closePayload(1000)],
    [[1000, 'done'], closePayload(1000, 'done')],
    [[3000, 'x', false], closePayload(3000, 'x')],
    [[4999, 'ünï'], closePayload(4999, 'ünï')],
    [[3000, null], closePayload(3000)],
    [[3000, 42], closePayload(3000, '42')],
    [[3000, Buffer.from('raw')], closePayload(3000, 'raw')],
    [['3000'], closePayload(3000)],
    [[3000.5], closePayload(3000)],
    [[NaN], closePayload(1000)],
    [[{}], Buffer.alloc(2)]
  ]) {
    it(`${side}: close(${args.map((arg) => (arg === null ? 'null' : String(arg))).join(', ')}) on the wire`, async (t) => {
      assert.deepStrictEqual(await wire(t, open, args), payload);
    });
  }

  differs('B22', `${side}: any other reason is made a string`, async (t) => {
    assert.deepStrictEqual(await wire(t, open, [3000, true]), closePayload(3000, 'true'));
    assert.deepStrictEqual(await wire(t, open, [3000, {}]), closePayload(3000, '[object Object]'));
  });

  differs('B20', `${side}: a long reason is cut to 123 bytes, between characters`, async (t) => {
    assert.deepStrictEqual(await wire(t, open, [3000, 'x'.repeat(200)]), closePayload(3000, 'x'.repeat(123)));
    assert.deepStrictEqual(await wire(t, open, [3000, 'é'.repeat(100)]), closePayload(3000, 'é'.repeat(61)));
    assert.deepStrictEqual(
      await wire(t, open, [3000, `${'x'.repeat(121)}\u{1f600}`]),
      closePayload(3000, 'x'.repeat(121))
    );
  });

  it(`${side}: reports the peer's code and reason, not its own`, async (t) => {
    const { ws, peer } = await open(t);
    const log = record(ws);
    ws.close(3001, 'mine');
    assert.strictEqual(ws.readyState, 2);
    await peer.frame();
    peer.write(out(CLOSE, closePayload(3001)));
    await until(() => log.length === 2);
    assert.deepStrictEqual(log, [['end'], ['close', 3001, '']]);
    assert.strictEqual(ws.readyState, 3);
  });

  it(`${side}: closing twice sends one frame and makes one event`, async (t) => {
    const { ws, peer } = await open(t);
    const log = record(ws);
    ws.close(3001);
    ws.close(3002);
    assert.deepStrictEqual((await peer.frame()).payload, closePayload(3001));
    peer.write(out(CLOSE, closePayload(3003)));
    assert.strictEqual((await peer.rest()).length, 0);
    ws.close(3004);
    assert.throws(() => ws.close(1), { message: REFUSED(1) });
    await until(() => log.length === 2);
    assert.deepStrictEqual(log, [['end'], ['close', 3003, '']]);
  });

  it(`${side}: the close frame comes after every message sent before`, async (t) => {
    const { ws, peer } = await open(t);
    const big = 'x'.repeat(300000);
    for (let i = 0; i < 10; i++) ws.send(big);
    ws.close();
    for (let i = 0; i < 10; i++) assert.strictEqual((await peer.frame()).payload.length, big.length);
    assert.strictEqual((await peer.frame()).opcode, CLOSE);
  });

  it(`${side}: while closing, messages are dropped, pings answered, violations skipped`, async (t) => {
    const { ws, peer } = await open(t);
    const log = record(ws);
    ws.close();
    await peer.frame();
    peer.write(out(TEXT, 'dropped'));
    peer.write(out(PING, 'still there'));
    const pong = await peer.frame();
    assert.deepStrictEqual([pong.opcode, pong.payload.toString()], [PONG, 'still there']);
    peer.write(out(5, 'no such opcode'));
    peer.write(out(CLOSE, closePayload(1000)));
    await until(() => log.length === 2);
    assert.deepStrictEqual(log, [['end'], ['close', 1000, '']]);
  });

  it(`${side}: send and ping are refused once closing`, async (t) => {
    const { ws, peer } = await open(t);
    ws.close();
    assert.deepStrictEqual([ws.send('x'), ws.write('x'), ws.ping('x')], [false, false, false]);
    assert.strictEqual((await peer.frame()).opcode, CLOSE);
    peer.write(out(CLOSE, closePayload(1000)));
    await next(ws, 'close');
    assert.deepStrictEqual([ws.send('x'), ws.write('x'), ws.ping('x')], [false, false, false]);
    assert.strictEqual((await peer.rest()).length, 0);
  });

  it(`${side}: end(data) sends, then closes`, async (t) => {
    const { ws, peer } = await open(t);
    assert.strictEqual(ws.end('last'), undefined);
    assert.strictEqual((await peer.frame()).payload.toString(), 'last');
    assert.deepStrictEqual((await peer.frame()).payload, closePayload(1000));
  });

  it(`${side}: gives up waiting for the peer after CLOSE_TIMEOUT`, async (t) => {
    const usual = API.CLOSE_TIMEOUT;
    assert.strictEqual(usual, 30000);
    API.CLOSE_TIMEOUT = 40;
    t.after(() => (API.CLOSE_TIMEOUT = usual));
    const { ws, peer } = await open(t);
    const log = record(ws);
    ws.close(3000, 'unheard');
    await next(ws, 'close');
    assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
    await peer.rest();
  });

  it(`${side}: a peer that hangs up instead of answering is 1006, without an error`, async (t) => {
    const { ws, peer } = await open(t);
    const log = record(ws);
    ws.close(3000);
    await peer.frame();
    peer.end();
    await next(ws, 'close');
    assert.deepStrictEqual(log, [['end'], ['close', 1006, '']]);
  });

  for (const type of ['open', 'message', 'error', 'end', 'close']) {
    it(`${side}: close() in the ${type} listener is safe`, async (t) => {
      let fired = 0;
      const closeIn = (ws) =>
        ws.on(type, () => {
          fired++;
          ws.close();
        });
      const { ws, peer } = await open(t, { setUp: closeIn });
      const closed = next(ws, 'close');
      if (type === 'message') peer.write(out(TEXT, 'x'));
      if (type === 'error') peer.write(out(3, 'x'));
      if (type === 'end' || type === 'close') peer.write(out(CLOSE, closePayload(1000)));
      await peer.frame();
      if (type === 'open' || type === 'message') peer.write(out(CLOSE, closePayload(1000)));
      await closed;
      assert.strictEqual(fired, 1);
      assert.strictEqual(ws.readyState, 3);
    });
  }

  // Code on the wire, reason; code told, reason told, code and reason echoed.
  const ANSWERS = [
    [Buffer.alloc(0), 1000, '', closePayload(1000)],
    [Buffer.from([3]), 1002, '', closePayload(1002)],
    ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 4999].map((code) => [
      closePayload(code, 'why'),
      code,
      'why',
      closePayload(code, 'why')
    ]),
    ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535].map((code) => [
      closePayload(code, 'why'),
      1002,
      'why',
      closePayload(1002, 'why')
    ]),
    [closePayload(1000, Buffer.from([0xff])), 1002, '', closePayload(1002)],
    [closePayload(3000, 'x'.repeat(123)), 3000, 'x'.repeat(123), closePayload(3000, 'x'.repeat(123))]
  ];
  it(`${side}: the table of close frames received`, async (t) => {
    for (const [payload, code, reason, echo] of ANSWERS) {
      const { ws, peer } = await open(t);
      const log = record(ws);
      peer.write(out(CLOSE, payload));
      const answer = await peer.frame();
      assert.deepStrictEqual([answer.opcode, answer.payload], [CLOSE, echo], payload.toString('hex'));
      await until(() => log.length === 2);
      assert.deepStrictEqual(log, [['end'], ['close', code, reason]], payload.toString('hex'));
      peer.destroy();
    }
  });

  differs('D13', `${side}: accepts the codes registered since`, async (t) => {
    for (const code of [1012, 1013, 1014]) {
      const { ws, peer } = await open(t);
      const closed = next(ws, 'close');
      peer.write(out(CLOSE, closePayload(code, 'later')));
      assert.deepStrictEqual((await peer.frame()).payload, closePayload(code, 'later'));
      const event = await closed;
      assert.deepStrictEqual([event.code, event.reason], [code, 'later']);
    }
  });
}

it('client: close() while connecting closes at once, within the call', async (t) => {
  const { ws, peer } = await clientSide(t);
  const log = record(ws);
  ws.close(3000, 'never mind');
  assert.strictEqual(ws.readyState, 3);
  assert.deepStrictEqual(log, [['end'], ['close', 3000, 'never mind']]);
  assert.strictEqual((await peer.rest()).length, 0);
});

it('client: close() in the tick of the construction', async () => {
  const ws = new WebSocket.Client('ws://127.0.0.1:1/');
  const log = record(ws);
  ws.close();
  assert.deepStrictEqual(log, [['end'], ['close', 1000, '']]);
  assert.deepStrictEqual([ws.readable, ws.writable], [false, false]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.strictEqual(log.length, 2);
});

it('server: close() before open answers nothing', async (t) => {
  let log;
  const { ws, peer } = await serverSide(t, {
    setUp(made) {
      log = record(made);
      made.close(3000, 'no');
      assert.strictEqual(made.readyState, 3);
    }
  });
  assert.strictEqual((await peer.rest()).length, 0);
  assert.deepStrictEqual(log, [['end'], ['close', 3000, 'no']]);
  assert.strictEqual(ws.readyState, 3);
});

it('client: close() in the error listener before open reports its code and reason', async (t) => {
  const { ws, peer } = await clientSide(t);
  const log = record(ws);
  ws.on('error', () => ws.close());
  peer.reset();
  await next(ws, 'close');
  const last = log[log.length - 1];
  assert.deepStrictEqual(last, log.some(([type]) => type === 'error') ? ['close', 1000, ''] : ['close', 1006, '']);
});

it('server: a failed handshake closes the connection', async (t) => {
  const { peer } = await serverSide(t, { head: handshakes.request({ 'Sec-WebSocket-Key': undefined }) });
  assert.match((await peer.rest()).toString(), /^HTTP\/1\.1 400 Bad Request\r\n/);
});

/** Runs a script in a process of its own; fails unless it ends by itself. */
function finishes(script) {
  return new Promise((resolve, reject) => {
    const source = `const WebSocket = require(${JSON.stringify(dir)}); const http = require('http');\n${script}`;
    const options = { timeout: 50000, killSignal: 'SIGKILL' };
    execFile(process.execPath, ['--no-deprecation', '-e', source], options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.signal || error.code}: ${stderr}${stdout}`));
      else resolve(stdout);
    });
  });
}

const PAIR = `
const server = http.createServer().on('upgrade', (request, socket, head) => onServer(new WebSocket(request, socket, head)));
server.listen(0, '127.0.0.1', () => {
  const ws = new WebSocket.Client('ws://127.0.0.1:' + server.address().port + '/');
  ws.on('close', (event) => { console.log(event.code); server.close(); });
  onClient(ws);
});
`;

it('the process ends once both sides are closed, by the client', async () => {
  const out = await finishes(`${PAIR} function onServer() {} function onClient(ws) { ws.on('open', () => ws.close()); }`);
  assert.strictEqual(out.trim(), '1000');
});

it('the process ends once both sides are closed, by the server', async () => {
  const out = await finishes(
    `${PAIR} function onServer(ws) { ws.on('open', () => ws.close(3000)); } function onClient() {}`
  );
  assert.strictEqual(out.trim(), '3000');
});

it('the process ends after a refused connection', async () => {
  const out = await finishes(
    "new WebSocket.Client('ws://127.0.0.1:1/').on('close', (event) => console.log(event.code));"
  );
  assert.strictEqual(out.trim(), '1006');
});

it('the process ends after a client that was closed at once', async () => {
  await finishes("new WebSocket.Client('ws://127.0.0.1:1/').close();");
});

it('the process ends with automatic pings, once closed', async () => {
  await finishes(
    PAIR.replace('socket, head)))', 'socket, head, [], { ping: 0.01 })))') +
      "function onServer() {} function onClient(ws) { ws.on('open', () => setTimeout(() => ws.close(), 50)); }"
  );
});

it('an open client keeps the process alive', async () => {
  const out = await finishes(`${PAIR}
    function onServer(ws) { setTimeout(() => ws.send('x'), 200).unref(); server.unref(); ws._stream.unref(); }
    function onClient(ws) { ws.on('message', () => { console.log('message'); ws.close(); }); }`);
  assert.match(out, /message/);
});
