'use strict';

// permessage-deflate, built in and in place of the npm package's plug-in: what goes over the wire,
// under hostile input, and with messages that take their time.

const assert = require('node:assert');
const crypto = require('node:crypto');
const zlib = require('node:zlib');

const deflate = require('permessage-deflate');
const WebSocket = require('..');

const { it, describe } = require('./support/spec');
const { TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG, masked } = require('./support/frames');
const { openClient, clientSide } = require('./support/sides');
const { response, field } = require('./support/handshakes');
const { record, next, until } = require('./support/record');
const { RSV1, EXTENSIONS, TAKEOVER_OFF, deflatingServer: server, compress, compressed } = require('./support/compression');
const { keepsMemory } = require('./support/node');
const { sameBytes } = require('./support/bytes');

describe('permessage-deflate: handshake', () => {
  const wishes = { maxWindowBits: 10, requestMaxWindowBits: 9, ...TAKEOVER_OFF };

  for (const [name, offer, expected, expectedOfPlugin = expected] of [
    ['nothing offered', '', undefined],
    ['another extension', 'x-other', undefined],
    ['defaults', 'permessage-deflate; client_max_window_bits', 'permessage-deflate'],
    ['an offer that is none, then one', 'permessage-deflate; x, permessage-deflate; server_no_context_takeover',
      'permessage-deflate; server_no_context_takeover'],
    ['a window of 15', 'permessage-deflate; server_max_window_bits=15', 'permessage-deflate; server_max_window_bits=15',
      'permessage-deflate'],
    ['a window of 8', 'permessage-deflate; server_max_window_bits=8', 'permessage-deflate; server_max_window_bits=8'],
    ['a window of 16', 'permessage-deflate; server_max_window_bits=16', undefined],
    ['a quoted window', 'permessage-deflate; server_max_window_bits="10"', 'permessage-deflate; server_max_window_bits=10'],
  ]) {
    it(`server: ${name}`, async (t) => {
      assert.strictEqual(field((await server(t, { deflate: true }, offer)).response, EXTENSIONS), expected);
      assert.strictEqual(field((await server(t, { extensions: [deflate] }, offer)).response, EXTENSIONS), expectedOfPlugin);
      assert.strictEqual(field((await server(t, {}, offer)).response, EXTENSIONS), undefined);
    });
  }

  it('server: with every wish, as the plug-in', async (t) => {
    const expected = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=9';
    for (const settings of [{ deflate: wishes }, { extensions: [deflate.configure({ ...wishes })] }]) {
      const side = await server(t, settings, 'permessage-deflate; client_max_window_bits');
      assert.strictEqual(field(side.response, EXTENSIONS), expected);
    }
  });

  it('client: offers', async (t) => {
    const full = 'permessage-deflate; client_no_context_takeover; client_max_window_bits=10; ' +
      'server_no_context_takeover; server_max_window_bits=9';
    for (const [settings, expected] of [
      [{}, undefined],
      [{ deflate: false }, undefined],
      [{ deflate: true }, 'permessage-deflate; client_max_window_bits'],
      [{ extensions: [deflate] }, 'permessage-deflate; client_max_window_bits'],
      [{ deflate: wishes }, full],
      [{ extensions: deflate.configure({ ...wishes }) }, full],
      [{ extensions: deflate.configure({ maxWindowBits: 10 }).configure({ ...wishes, maxWindowBits: 12 }) }, full],
    ]) {
      const { head } = await clientSide(t, { settings });
      assert.strictEqual(field(head, EXTENSIONS), expected);
    }
  });

  it('client: fails over an answer it cannot take', async (t) => {
    for (const [answer, reason] of [
      ['permessage-deflate; server_max_window_bits=7',
        'Server sent unacceptable extension parameters: permessage-deflate; server_max_window_bits=7'],
      ['x-other', 'Server sent an extension response for unknown extension "x-other"'],
    ]) {
      const { ws: client, peer, head } = await clientSide(t, { settings: { deflate: true } });
      const log = record(client, ['open', 'error', 'close']);
      peer.write(response(head, { [EXTENSIONS]: answer }));
      await next(client, 'close');
      const message = 'Error during WebSocket handshake: ' + reason;
      assert.deepStrictEqual(log, [['error', message], ['close', 1002, message]]);
    }
  });

  it('options are checked before anything is opened', () => {
    for (const [value, name, message] of [
      ['yes', 'TypeError', 'deflate must be true, false or an object'],
      [{ level: 10 }, 'RangeError', 'deflate.level must be an integer from -1 to 9'],
      [{ memLevel: 0 }, 'RangeError', 'deflate.memLevel must be an integer from 1 to 9'],
      [{ strategy: 1.5 }, 'RangeError', 'deflate.strategy must be an integer from 0 to 4'],
      [{ maxWindowBits: 7 }, 'RangeError', 'deflate.maxWindowBits must be an integer from 8 to 15'],
      [{ requestMaxWindowBits: 16 }, 'RangeError', 'deflate.requestMaxWindowBits must be an integer from 8 to 15'],
      [{ threshold: '1' }, 'TypeError', 'deflate.threshold must be a number'],
      [{ noContextTakeover: 1 }, 'TypeError', 'deflate.noContextTakeover must be true or false'],
      [{ levle: 1 }, 'Error', 'Unrecognized option: deflate.levle'],
    ]) {
      assert.throws(() => new WebSocket.Client('ws://127.0.0.1:1/', [], { deflate: value }), { name, message });
    }
    assert.throws(() => new WebSocket.Client('ws://127.0.0.1:1/', [], { nativeDeflate: 0 }),
      { name: 'TypeError', message: 'nativeDeflate must be true or false' });
    assert.throws(() => new WebSocket.Client('ws://127.0.0.1:1/', [], { deflate: true, extensions: [deflate] }),
      { name: 'TypeError', message: 'An extension with name "permessage-deflate" is already registered' });
  });
});

describe('permessage-deflate: on the wire', () => {
  for (const [name, settings] of [['deflate: true', { deflate: true }], ['the plug-in', { extensions: [deflate] }],
    ['the plug-in itself', { extensions: [deflate], nativeDeflate: false }]]) {
    it(`${name}: the bytes of the original`, async (t) => {
      const { ws: socket, peer } = await server(t, settings);
      socket.send('hello hello hello hello');
      assert.strictEqual((await peer.read(13)).toString('hex'), 'c10bca48cdc9c957c840270100');
      socket.send('hello hello hello hello');
      assert.deepStrictEqual((await peer.read(3)).subarray(0, 2), Buffer.from([0xc1, 6]));
    });

    it(`${name}: bad data`, async (t) => {
      const { ws: socket, peer } = await server(t, settings);
      const log = record(socket);
      peer.write(compressed(TEXT, Buffer.from([0x06, 0x00])));
      const close = await peer.frame();
      const reason = 'permessage-deflate: invalid block type';
      assert.deepStrictEqual([close.payload.readUInt16BE(), close.payload.toString('utf8', 2)], [1010, reason]);
      await until(() => log.length === 3);
      assert.deepStrictEqual(log, [['error', reason], ['end'], ['close', 1010, reason]]);
    });

    it(`${name}: text that is ill-formed after inflation`, async (t) => {
      const { ws: socket, peer } = await server(t, settings);
      const log = record(socket, ['message', 'error', 'close']);
      peer.write(compressed(TEXT, compress(Buffer.from([0x48, 0xff]))));
      await until(() => log.length === 2);
      const reason = 'Could not decode a text frame as UTF-8';
      assert.deepStrictEqual(log, [['error', reason], ['close', 1007, reason]]);
    });
  }

  it('with context takeover a repeated message shrinks, without it does not', async (t) => {
    const text = crypto.randomBytes(1500).toString('hex');
    for (const [settings, shrinks] of [[true, true], [{ noContextTakeover: true }, false]]) {
      const { ws: socket, peer } = await server(t, { deflate: settings });
      socket.send(text);
      socket.send(text);
      const [first, second] = [await peer.frame(), await peer.frame()];
      assert.deepStrictEqual([first.rsv, second.rsv], [RSV1, RSV1]);
      assert.strictEqual(second.payload.length < 100, shrinks);
      if (!shrinks) sameBytes(second.payload, first.payload);
    }
  });

  it('keeps to the window the peer asked for', async (t) => {
    const { ws: socket, peer } = await server(t, { deflate: true }, 'permessage-deflate; server_max_window_bits=9');
    const noise = crypto.randomBytes(2000);
    const data = Buffer.concat([noise, noise]);
    socket.send(data);
    const { payload } = await peer.frame();
    assert.ok(payload.length > 3900, `${payload.length}`);
    const inflated = zlib.inflateRawSync(payload, { windowBits: 9, finishFlush: zlib.constants.Z_SYNC_FLUSH });
    sameBytes(inflated, data);
  });

  it('messages below the threshold leave as they are', async (t) => {
    for (const [settings, sizes] of [
      [{ noContextTakeover: true }, { 1023: 0, 1024: RSV1 }],
      [true, { 0: RSV1, 1: RSV1 }],
      [{ threshold: 10 }, { 9: 0, 10: RSV1 }],
    ]) {
      const { ws: socket, peer } = await server(t, { deflate: settings });
      for (const [size, rsv] of Object.entries(sizes)) {
        socket.send('x'.repeat(size));
        assert.strictEqual((await peer.frame()).rsv, rsv, `${size} with ${JSON.stringify(settings)}`);
      }
    }
  });

  it('a message may come in any fragments, with control frames between', async (t) => {
    const text = 'grüße '.repeat(200);
    const payload = compress(text);
    const { ws: socket, peer } = await server(t, { deflate: true });
    const log = record(socket, ['message', 'error']);
    for (const size of [1, 7, 1000]) {
      const pieces = [];
      for (let at = 0; at < payload.length; at += size) pieces.push(payload.subarray(at, at + size));
      pieces.forEach((piece, i) => {
        peer.write(masked(i === 0 ? TEXT : CONTINUATION, piece, { fin: false, rsv: i === 0 ? RSV1 : 0 }));
        if (i === 0) peer.write(masked(PING, 'p'));
      });
      peer.write(masked(CONTINUATION, ''));
      peer.write(masked(TEXT, 'plain'));
      assert.strictEqual((await peer.frame()).opcode, PONG);
    }
    await until(() => log.length === 6);
    const expected = [['message', text], ['message', 'plain']];
    assert.deepStrictEqual(log, [...expected, ...expected, ...expected]);
  });

  it('final blocks and empty messages', async (t) => {
    const { ws: socket, peer } = await server(t, { deflate: true });
    const log = record(socket, ['message', 'error']);
    peer.write(compressed(TEXT, Buffer.concat([zlib.deflateRawSync('final'), Buffer.from([0])])));
    peer.write(compressed(TEXT, zlib.deflateRawSync('final')));
    peer.write(compressed(TEXT, Buffer.from([0])));
    peer.write(compressed(BINARY, ''));
    await until(() => log.length === 4);
    assert.deepStrictEqual(log, [['message', 'final'], ['message', 'final'], ['message', ''], ['message', Buffer.alloc(0)]]);
  });

  it('RSV1 on a continuation or control frame fails the connection', async (t) => {
    for (const bytes of [
      Buffer.concat([masked(TEXT, 'a', { fin: false }), masked(CONTINUATION, 'b', { rsv: RSV1 })]),
      masked(PING, 'p', { rsv: RSV1 }),
      masked(CLOSE, '', { rsv: RSV1 }),
    ]) {
      const { ws: socket, peer } = await server(t, { deflate: true });
      const log = record(socket, ['error', 'close']);
      peer.write(bytes);
      await until(() => log.length === 2);
      const reason = 'One or more reserved bits are on: reserved1 = 1, reserved2 = 0, reserved3 = 0';
      assert.deepStrictEqual(log, [['error', reason], ['close', 1002, reason]]);
    }
  });

  it('client: masks what it compresses, and inflates', async (t) => {
    const { ws: client, peer } = await openClient(t, {
      settings: { deflate: true }, answer: { [EXTENSIONS]: 'permessage-deflate' },
    });
    client.send('hello hello hello hello');
    const sent = await peer.frame();
    assert.ok(sent.mask);
    assert.deepStrictEqual([sent.rsv, sent.payload.toString('hex')], [RSV1, 'ca48cdc9c957c840270100']);
    peer.write(masked(TEXT, compress('from the server'), { rsv: RSV1, mask: false }));
    assert.strictEqual((await next(client, 'message')).data, 'from the server');
  });
});

describe('permessage-deflate: bombs', () => {
  const LIMIT = 8 << 20;
  const TOO_LARGE = 'WebSocket frame length too large';

  it('stops at the limit, in one frame and in many, and the loop goes on', async (t) => {
    const payload = compress(Buffer.alloc(256 << 20));
    for (const size of [payload.length, 5000]) {
      const { ws: socket, peer } = await server(t, { deflate: true, maxLength: LIMIT });
      const log = record(socket, ['message', 'error', 'close']);
      const before = process.memoryUsage.rss();
      let peak = before;
      const watch = setInterval(() => { peak = Math.max(peak, process.memoryUsage.rss()); }, 1);
      for (let at = 0; at < payload.length; at += size) {
        const piece = payload.subarray(at, at + size);
        const fin = at + size >= payload.length;
        peer.write(masked(at === 0 ? BINARY : CONTINUATION, piece, { fin, rsv: at === 0 ? RSV1 : 0 }));
      }
      await until(() => log.length === 2);
      clearInterval(watch);
      assert.deepStrictEqual(log, [['error', TOO_LARGE], ['close', 1009, TOO_LARGE]]);
      assert.ok(keepsMemory || peak - before < 64 << 20, `${peak - before}`);
    }
  });

  it('an inflated length of exactly maxLength is allowed', async (t) => {
    for (const [length, expected] of [[100000, 'message'], [100001, 'error']]) {
      const { ws: socket, peer } = await server(t, { deflate: true, maxLength: 100000 });
      const log = record(socket, ['message', 'error']);
      peer.write(compressed(TEXT, compress('a'.repeat(length))));
      await until(() => log.length === 1);
      assert.strictEqual(log[0][0], expected);
    }
  });

  it('many messages in one chunk take turns with everything else', async (t) => {
    const { ws: socket, peer } = await server(t, { deflate: true });
    let turn = 0;
    const heard = [];
    socket.on('message', () => heard.push(turn));
    const one = compressed(BINARY, compress(Buffer.alloc(1 << 20)));
    const count = () => {
      turn++;
      if (heard.length < 60) setImmediate(count);
    };
    setImmediate(count);
    peer.write(Buffer.concat(Array(60).fill(one)));
    await until(() => heard.length === 60);
    const most = Math.max(...heard.map((each) => heard.filter((other) => other === each).length));
    assert.ok(most <= 8, `${most} messages of 1 MiB in one turn`);
  });
});

describe('permessage-deflate: broadcast', () => {
  const WISHES = [true, { noContextTakeover: true, threshold: 0 }, true, { noContextTakeover: true, threshold: 20 }, undefined];
  const open = (t) => Promise.all(WISHES.map((wish) => server(t, { deflate: wish })));

  it('sends each connection the frames that send() would have sent, in order', async (t) => {
    const many = await open(t);
    const single = await open(t);
    for (const message of ['hello hello', 'z'.repeat(500), Buffer.from('hello hello'), '']) {
      many.forEach(({ ws: socket }) => socket.send('before'));
      const { sent, skipped } = WebSocket.broadcast(many.map(({ ws: socket }) => socket), message);
      assert.deepStrictEqual([sent, skipped], [WISHES.length, []]);
      many.forEach(({ ws: socket }) => socket.send('after'));
      for (const { ws: socket } of single) ['before', message, 'after'].forEach((each) => socket.send(each));
      for (const [i, { peer }] of many.entries()) {
        for (let k = 0; k < 3; k++) {
          const [frame, expected] = [await peer.frame(), await single[i].peer.frame()];
          assert.deepStrictEqual(frame, expected);
          if (k === 1) assert.strictEqual(frame.rsv, WISHES[i] && (i !== 3 || message.length >= 20) ? RSV1 : 0);
        }
      }
    }
  });

  it('waits for a long message that was sent before', async (t) => {
    const [{ ws: busy, peer }, { ws: idle, peer: other }] = await Promise.all([0, 1].map(() => (
      server(t, { deflate: { noContextTakeover: true, threshold: 0 } }))));
    const long = crypto.randomBytes(200000).toString('hex');
    busy.send(long);
    WebSocket.broadcast([busy, idle], 'next');
    const frames = [await peer.frame(), await peer.frame()];
    const texts = frames.map(({ payload }) => (
      zlib.inflateRawSync(payload, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).toString()));
    assert.ok(texts[0] === long);
    assert.strictEqual(texts[1], 'next');
    sameBytes((await other.frame()).payload, frames[1].payload);
  });
});

describe('permessage-deflate: long messages', () => {
  const long = JSON.stringify(Array.from({ length: 400000 }, (_, i) => i * 7));

  it('keep their place among those sent after them, and pings pass them by', async (t) => {
    const { ws: socket, peer } = await server(t, { deflate: true });
    const inflate = zlib.createInflateRaw();
    const texts = [];
    const sent = ['before', long, 'after', long, 'last'];
    sent.forEach((text) => socket.send(text));
    assert.ok(socket.bufferedAmount >= 2 * long.length, `${socket.bufferedAmount}`);
    socket.ping('now');
    const opcodes = [];
    while (opcodes.length < 6) {
      const { opcode, rsv, payload } = await peer.frame();
      opcodes.push(opcode);
      if (opcode === PING) continue;
      assert.strictEqual(rsv, RSV1);
      const chunks = [];
      inflate.on('data', (chunk) => chunks.push(chunk));
      inflate.write(Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]));
      await new Promise((resolve) => inflate.flush(resolve));
      inflate.removeAllListeners('data');
      texts.push(Buffer.concat(chunks).toString());
    }
    assert.deepStrictEqual(texts, sent);
    assert.strictEqual(opcodes.indexOf(PING), 1);
    await until(() => socket.bufferedAmount === 0);
  });

  it('are sent before the close frame', async (t) => {
    const { ws: socket, peer } = await server(t, { deflate: true });
    socket.send(long);
    socket.send('after');
    socket.close(3001, 'done');
    assert.strictEqual(socket.send('too late'), false);
    const frames = [await peer.frame(), await peer.frame(), await peer.frame()];
    assert.deepStrictEqual(frames.map(({ opcode }) => opcode), [TEXT, TEXT, CLOSE]);
    assert.strictEqual(frames[2].payload.readUInt16BE(), 3001);
    peer.write(masked(CLOSE, frames[2].payload));
    assert.strictEqual((await next(socket, 'close')).code, 3001);
  });

  it('are taken as they are when they are sent', async (t) => {
    const { ws: socket, peer } = await server(t, { deflate: true });
    const data = Buffer.alloc(1 << 20, 1);
    const small = Buffer.alloc(10, 1);
    socket.send(data);
    socket.send(small);
    data.fill(2);
    small.fill(2);
    const inflated = zlib.inflateRawSync((await peer.frame()).payload, { finishFlush: zlib.constants.Z_SYNC_FLUSH });
    sameBytes(inflated, Buffer.alloc(1 << 20, 1));
  });

  it('arrive in order, also when the socket has ended behind them', async (t) => {
    const { ws: socket, peer } = await server(t, { deflate: true });
    const log = record(socket, ['message', 'end', 'close']);
    const payload = compress(long);
    peer.write(Buffer.concat([
      compressed(TEXT, payload), masked(TEXT, 'after'), compressed(TEXT, payload), masked(CLOSE, Buffer.from([0x0b, 0xb8])),
    ]));
    peer.end();
    await next(socket, 'close');
    assert.deepStrictEqual(log, [['message', long], ['message', 'after'], ['message', long], ['end'], ['close', 3000, '']]);
  });

  it('are dropped by a connection that closes or goes meanwhile', async (t) => {
    const huge = compress(Buffer.alloc(60 << 20));
    const closing = await server(t, { deflate: true });
    const log = record(closing.ws, ['message', 'error', 'close']);
    closing.peer.write(compressed(BINARY, huge));
    await until(() => closing.ws._driver._input.held !== null);
    closing.ws.close(3002);
    const { payload } = await closing.peer.frame();
    closing.peer.write(masked(CLOSE, payload));
    await next(closing.ws, 'close');
    assert.deepStrictEqual(log, [['close', 3002, '']]);

    const going = await server(t, { deflate: true });
    going.peer.write(compressed(BINARY, huge));
    await until(() => going.ws._driver._input.held !== null);
    going.ws._stream.destroy();
    going.ws.send(long);
    assert.strictEqual((await next(going.ws, 'close')).code, 1006);
  });

  it('are followed by nothing while the socket is paused', async (t) => {
    const { ws: socket, peer } = await server(t, { deflate: true });
    const log = record(socket, ['message']);
    socket.once('message', () => socket.pause());
    peer.write(compressed(TEXT, compress(long)));
    await until(() => log.length === 1);
    peer.write(masked(TEXT, 'after'));
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.strictEqual(log.length, 1);
    socket.resume();
    await until(() => log.length === 2);
  });
});

