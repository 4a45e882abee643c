'use strict';

// Plug-ins of our own making: their negotiation, order and errors.
//
// Held here against the original: B34 (exceptions in offers, callbacks without a message), B40 (quoting), D17 (ends of
// lines in names and parameters).

const assert = require('node:assert');

const { it, differs } = require('../support/spec');
const { WebSocket } = require('../support/package_under_test');
const { httpServer, serverSide, openServer, clientSide } = require('../support/sides');
const { record, next, until } = require('../support/record');
const { TEXT, CLOSE, masked, closePayload } = require('../support/frames');
const { field, request, response } = require('../support/handshakes');

/** A plug-in that does nothing but what `changes` says. */
function plugin(name, changes = {}) {
  const session = {
    generateOffer: () => ({}),
    generateResponse: () => ({}),
    activate: () => true,
    processIncomingMessage: (message, callback) => callback(null, message),
    processOutgoingMessage: (message, callback) => callback(null, message),
    close() {},
    ...changes.session
  };
  return {
    name,
    type: 'permessage',
    rsv1: false,
    rsv2: false,
    rsv3: false,
    createClientSession: () => session,
    createServerSession: () => session,
    ...changes.extension
  };
}

it('the required properties of a plug-in', () => {
  for (const [extension, message] of [
    [plugin(undefined), 'extension.name must be a string'],
    [plugin('x', { extension: { type: 'x' } }), 'extension.type must be "permessage"'],
    [plugin('x', { extension: { rsv1: undefined } }), 'extension.rsv1 must be true or false'],
    [plugin('x', { extension: { rsv2: 1 } }), 'extension.rsv2 must be true or false'],
    [plugin('x', { extension: { rsv3: null } }), 'extension.rsv3 must be true or false']
  ]) {
    assert.throws(
      () => {
        const ws = new WebSocket.Client('ws://127.0.0.1:1/', [], { extensions: [extension] });
        ws.close();
      },
      { name: 'TypeError', message }
    );
  }
  assert.throws(() => new WebSocket.Client('ws://127.0.0.1:1/', [], { extensions: [plugin('x'), plugin('x')] }), {
    name: 'TypeError',
    message: 'An extension with name "x" is already registered'
  });
});

it('the fields of a message in a plug-in, and the order of messages', async (t) => {
  const seen = [];
  const log = (name) => ({
    session: {
      processIncomingMessage(message, callback) {
        const { rsv1, rsv2, rsv3, opcode, data } = message;
        seen.push(['in', name, rsv1, rsv2, rsv3, opcode, data.toString()]);
        callback(null, message);
      },
      processOutgoingMessage(message, callback) {
        seen.push(['out', name, message.opcode, message.data.toString()]);
        message.data = Buffer.concat([message.data, Buffer.from(name)]);
        callback(null, message);
      }
    }
  });
  const one = plugin('one', log('one'));
  const two = plugin('two', { ...log('two'), extension: { rsv2: true } });
  const { ws, peer, response: answer } = await openServer(t, {
    head: request({ 'Sec-WebSocket-Extensions': 'two, one' }),
    settings: { extensions: [one, two] }
  });
  assert.strictEqual(field(answer, 'Sec-WebSocket-Extensions'), 'one, two');
  const message = next(ws, 'message');
  peer.write(masked(TEXT, 'hi', { rsv: 2 }));
  await message;
  ws.send('yo');
  assert.strictEqual((await peer.frame()).payload.toString(), 'yoonetwo');
  assert.deepStrictEqual(seen, [
    ['in', 'two', false, true, false, 1, 'hi'],
    ['in', 'one', false, true, false, 1, 'hi'],
    ['out', 'one', 1, 'yo'],
    ['out', 'two', 1, 'yoone']
  ]);
});

it('messages keep their order, however late a plug-in calls back; control frames may overtake', async (t) => {
  const slow = plugin('slow', {
    session: {
      processOutgoingMessage(message, callback) {
        setTimeout(() => callback(null, message), message.data.toString() === 'first' ? 60 : 5);
      },
      processIncomingMessage(message, callback) {
        setTimeout(() => callback(null, message), message.data.toString() === 'first' ? 60 : 5);
      }
    }
  });
  const { ws, peer } = await openServer(t, {
    head: request({ 'Sec-WebSocket-Extensions': 'slow' }),
    settings: { extensions: slow }
  });
  const log = record(ws, ['message']);
  peer.write(Buffer.concat([masked(TEXT, 'first'), masked(TEXT, 'second')]));
  ws.send('first');
  ws.send('second');
  ws.ping('overtakes');
  const got = [];
  for (let i = 0; i < 3; i++) got.push((await peer.frame()).payload.toString());
  assert.deepStrictEqual(got, ['overtakes', 'first', 'second']);
  await until(() => log.length === 2);
  assert.deepStrictEqual(log, [
    ['message', 'first'],
    ['message', 'second']
  ]);
});

it('the caller may overwrite its Buffer though a plug-in takes its time', async (t) => {
  const slow = plugin('slow', {
    session: { processOutgoingMessage: (message, callback) => setTimeout(() => callback(null, message), 20) }
  });
  const { isOriginal } = require('../support/package_under_test');
  const { ws, peer } = await openServer(t, {
    head: request({ 'Sec-WebSocket-Extensions': 'slow' }),
    settings: { extensions: [slow] }
  });
  const data = Buffer.from('before');
  ws.send(data);
  if (!isOriginal) data.fill('x');
  assert.strictEqual((await peer.frame()).payload.toString(), 'before');
});

it('a close waits for the plug-ins, and each session is closed once', async (t) => {
  let closed = 0;
  let release;
  const slow = plugin('slow', {
    session: {
      processOutgoingMessage: (message, callback) => (release = () => callback(null, message)),
      close: () => closed++
    }
  });
  const { ws, peer } = await openServer(t, {
    head: request({ 'Sec-WebSocket-Extensions': 'slow' }),
    settings: { extensions: [slow] }
  });
  ws.send('inside');
  ws.close(3000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepStrictEqual([peer.input.length, closed], [0, 0]);
  release();
  assert.strictEqual((await peer.frame()).payload.toString(), 'inside');
  assert.deepStrictEqual((await peer.frame()).payload, closePayload(3000));
  assert.strictEqual(closed, 1);
  peer.write(masked(CLOSE, closePayload(3000)));
  await next(ws, 'close');
  assert.strictEqual(closed, 1);
});

for (const [error, code] of [
  [{ message: 'why' }, 1010],
  [{ message: 'why', type: 'too_large' }, 1009],
  [{ message: 'why', type: 'policy_violation' }, 1008],
  [{ message: 'why', type: 3333 }, 3333]
]) {
  for (const direction of ['processIncomingMessage', 'processOutgoingMessage']) {
    it(`an error in ${direction}, of type ${error.type}, is ${code}`, async (t) => {
      const failing = plugin('failing', {
        session: { [direction]: (message, callback) => callback(Object.assign(new Error(), error)) }
      });
      const { ws, peer } = await openServer(t, {
        head: request({ 'Sec-WebSocket-Extensions': 'failing' }),
        settings: { extensions: [failing] }
      });
      const log = record(ws);
      if (direction === 'processIncomingMessage') peer.write(masked(TEXT, 'x'));
      else ws.send('x');
      await until(() => log.length === 3);
      assert.deepStrictEqual(log, [['error', 'failing: why'], ['end'], ['close', code, 'failing: why']]);
      assert.deepStrictEqual((await peer.frame()).payload, closePayload(code, 'failing: why'));
    });
  }
}

for (const type of ['unheard of', 'constructor', 70000, 1000.5, true, {}]) {
  differs('B34', `an error of type ${JSON.stringify(type)}, which is no close code, is 1010`, async (t) => {
    const failing = plugin('failing', {
      session: { processIncomingMessage: (message, callback) => callback(Object.assign(new Error('why'), { type })) }
    });
    const { ws, peer } = await openServer(t, {
      head: request({ 'Sec-WebSocket-Extensions': 'failing' }),
      settings: { extensions: [failing] }
    });
    const log = record(ws);
    peer.write(masked(TEXT, 'x'));
    await until(() => log.length === 3);
    assert.deepStrictEqual(log, [['error', 'failing: why'], ['end'], ['close', 1010, 'failing: why']]);
    assert.deepStrictEqual((await peer.frame()).payload, closePayload(1010, 'failing: why'));
  });
}

for (const given of [[], [null], [null, null], [undefined, {}], [null, 'x']]) {
  for (const direction of ['processIncomingMessage', 'processOutgoingMessage']) {
    differs('B34', `${direction} that calls back with (${given.map((each) => JSON.stringify(each))}) fails the connection`, async (t) => {
      const empty = plugin('empty', { session: { [direction]: (message, callback) => setImmediate(callback, ...given) } });
      const { ws, peer } = await openServer(t, {
        head: request({ 'Sec-WebSocket-Extensions': 'empty, behind' }),
        settings: { extensions: [empty, plugin('behind')] }
      });
      const log = record(ws);
      if (direction === 'processIncomingMessage') peer.write(masked(TEXT, 'x'));
      else ws.send('x');
      await until(() => log.length === 3);
      const text = 'empty: The callback was given neither an error nor a message';
      assert.deepStrictEqual(log, [['error', text], ['end'], ['close', 1010, text]]);
    });
  }
}

it('client: invalid responses of a server', async (t) => {
  const PREFIX = 'Error during WebSocket handshake: ';
  const one = plugin('one', { extension: { rsv1: true } });
  const two = plugin('two', { extension: { rsv1: true } });
  const picky = plugin('picky', { session: { activate: () => 'truthy is not true' } });
  for (const [answer, text] of [
    ['three', 'Server sent an extension response for unknown extension "three"'],
    ['one, two', 'Server sent two extension responses that use the RSV1 bit: "one" and "two"'],
    ['picky; a=1; b="c d"', 'Server sent unacceptable extension parameters: picky; a=1; b="c d"'],
    ['one; ;', 'Invalid Sec-WebSocket-Extensions header: one; ;']
  ]) {
    const { ws, peer, head } = await clientSide(t, { settings: { extensions: [one, two, picky] } });
    const log = record(ws);
    peer.write(response(head, { 'Sec-WebSocket-Extensions': answer }));
    await next(ws, 'close');
    assert.deepStrictEqual(log, [['error', PREFIX + text], ['end'], ['close', 1002, PREFIX + text]]);
  }
});

differs('B40', 'how offers are written, and read again', async (t) => {
  let offered;
  const params = { n: 1, s: 'a"b', t: 'tok', arr: [1, true], f: true };
  const writer = plugin('w', { session: { generateOffer: () => [params, { other: '1.5' }] } });
  const { head } = await clientSide(t, { settings: { extensions: [writer] } });
  const sent = field(head, 'Sec-WebSocket-Extensions');
  assert.strictEqual(sent, 'w; n=1; s="a\\"b"; t=tok; arr=1; arr; f, w; other=1.5');
  const reader = plugin('w', {
    extension: {
      createServerSession(offers) {
        offered = offers;
        return null;
      }
    }
  });
  const { peer } = await serverSide(t, {
    head: request({ 'Sec-WebSocket-Extensions': `${sent}, w;hasOwnProperty=2;__proto__=3; q="007"` }),
    settings: { extensions: [reader] }
  });
  await peer.head();
  assert.strictEqual(offered.length, 3);
  assert.deepStrictEqual({ ...offered[0] }, params);
  assert.deepStrictEqual({ ...offered[1] }, { other: 1.5 });
  assert.deepStrictEqual([offered[2].hasOwnProperty, offered[2].q], [2, '007']);
});

differs('B40', 'every value that needs quotes gets them', async (t) => {
  const writer = plugin('a', { session: { generateOffer: () => ({ x: 'p q', y: 'r s', z: 't u' }) } });
  const { head } = await clientSide(t, { settings: { extensions: [writer] } });
  assert.strictEqual(field(head, 'Sec-WebSocket-Extensions'), 'a; x="p q"; y="r s"; z="t u"');
});

differs('B34', 'client: an exception in an offer is a failed handshake', async (t) => {
  const { port } = await httpServer(t, () => {});
  const broken = plugin('broken', {
    session: {
      generateOffer() {
        throw new Error('no offer');
      }
    }
  });
  const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/`, [], { extensions: [broken] });
  const log = record(ws);
  await next(ws, 'close');
  assert.strictEqual(log[0][0], 'error');
  assert.match(log[0][1], /no offer$/);
});

const UNSAFE = ['x\r\ny: z', 'x\n', '\rx', 'x\0'];

differs('D17', 'a plug-in name that would end its line is refused at the call', () => {
  for (const name of UNSAFE) {
    assert.throws(() => new WebSocket.Client('ws://127.0.0.1:1/', [], { extensions: [plugin(name)] }), {
      name: 'TypeError',
      message: 'Invalid character in extension name: ' + JSON.stringify(name)
    });
  }
});

differs('D17', 'client: parameters that would end their line are a failed handshake, and never sent', async (t) => {
  for (const text of UNSAFE) {
    for (const offer of [{ key: text }, { [text]: true }, [{}, { key: ['', text] }]]) {
      const { port } = await httpServer(t, () => assert.fail('a request arrived'));
      const broken = plugin('broken', { session: { generateOffer: () => offer } });
      const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/`, [], { extensions: [broken] });
      const log = record(ws);
      await next(ws, 'close');
      assert.strictEqual(log[0][0], 'error');
      assert.match(log[0][1], /Invalid character in the parameters of extension "broken"$/);
    }
  }
});

differs('D17', 'server: parameters that would end their line are a refusal', async (t) => {
  for (const text of UNSAFE) {
    const broken = plugin('broken', { session: { generateResponse: () => ({ key: text }) } });
    const { peer } = await serverSide(t, {
      head: request({ 'Sec-WebSocket-Extensions': 'broken' }),
      settings: { extensions: [broken] }
    });
    const head = await peer.head();
    assert.match(head, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.ok(!head.includes('Sec-WebSocket-Extensions'), head);
  }
});

it('server: an exception in a session is a refusal with its text', async (t) => {
  const broken = plugin('broken', {
    session: {
      generateResponse() {
        throw new Error('no answer');
      }
    }
  });
  const { peer } = await serverSide(t, {
    head: request({ 'Sec-WebSocket-Extensions': 'broken' }),
    settings: { extensions: [broken] }
  });
  assert.match((await peer.rest()).toString(), /^HTTP\/1\.1 400 Bad Request\r\n[^]*no answer$/);
});
