'use strict';

// Topics: who receives what is published, in which order, in this thread, in others, and in other processes.

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');

const { it, describe, SLOW } = require('./support/spec');
const { dir, WebSocket } = require('./support/package_under_test');
const { names, open } = require('./support/paths');
const { dial, httpServer } = require('./support/sides');
const { FIXTURE, Side, messages, numbered, subscriber } = require('./support/topics');
const { next, until } = require('./support/record');
const { Document, listening } = require('./support/document');
const { freePort } = require('./support/free_port');
const { CLOSE, closePayload } = require('./support/frames');

const MIB = 1 << 20;

let count = 0;
/** A topic that no other test has. */
const unique = () => `topic ${++count}`;

for (const one of names) {
  describe(`topics: ${one}`, () => {
    it('subscribers receive each message once, in the order of `send` and `publish`', async (t) => {
      const [a, b, c] = [await open(t, one), await open(t, one), await open(t, one)];
      const [news, chat] = [unique(), unique()];
      assert.deepStrictEqual([a.ws.subscribe(news), a.ws.subscribe(news), a.ws.subscribe(chat)], [true, true, true]);
      b.ws.subscribe(news);
      assert.deepStrictEqual([a.ws.topics, b.ws.topics, c.ws.topics], [[news, chat], [news], []]);

      const long = Buffer.alloc(100000, 7);
      a.ws.send('before');
      assert.deepStrictEqual(WebSocket.publish(news, 'héllo'), { sent: 2, skipped: [] });
      a.ws.send('between');
      assert.strictEqual(WebSocket.publish(news, long).sent, 2);
      assert.strictEqual(WebSocket.publish(chat, 7).sent, 1);
      assert.strictEqual(WebSocket.publish(unique(), 'for nobody').sent, 0);
      assert.strictEqual(WebSocket.publish(news, 'for b', { except: a.ws }).sent, 1);
      assert.strictEqual(WebSocket.publish(news, 'for nobody', { except: [a.ws, b.ws] }).sent, 0);
      assert.deepStrictEqual([a.ws.unsubscribe(news), a.ws.unsubscribe(news)], [true, false]);
      assert.strictEqual(WebSocket.publish(news, 'last').sent, 1);
      for (const { ws } of [a, b, c]) ws.send('end');

      assert.deepStrictEqual(await messages(a.peer, 6), ['before', 'héllo', 'between', long, '7', 'end']);
      assert.deepStrictEqual(await messages(b.peer, 5), ['héllo', long, 'for b', 'last', 'end']);
      assert.deepStrictEqual(await messages(c.peer, 1), ['end']);
    });

    it('a socket that closes leaves its topics', async (t) => {
      const [stays, leaves, breaks] = [await open(t, one), await open(t, one), await open(t, one)];
      const topic = unique();
      for (const { ws } of [stays, leaves, breaks]) ws.subscribe(topic);
      const closed = [next(leaves.ws, 'close'), next(breaks.ws, 'close')];
      leaves.ws.close();
      assert.strictEqual(leaves.ws.subscribe(unique()), false);
      assert.deepStrictEqual(WebSocket.publish(topic, 'one').skipped, [leaves.ws]);
      await leaves.peer.frame();
      leaves.peer.write(leaves.frame(CLOSE, closePayload(1000)));
      breaks.peer.destroy();
      await Promise.all(closed);
      assert.deepStrictEqual([leaves.ws.topics, breaks.ws.topics], [[], []]);
      assert.deepStrictEqual(WebSocket.publish(topic, 'two'), { sent: 1, skipped: [] });
      assert.deepStrictEqual(await messages(stays.peer, 2), ['one', 'two']);
    });

    it('a slow peer receives all messages, unless it has a limit', async (t) => {
      const patient = await open(t, one);
      const limited = await open(t, one, { settings: { maxBackpressure: MIB, onBackpressure: 'drop' } });
      const topic = unique();
      for (const { ws, peer } of [patient, limited]) {
        ws.subscribe(topic);
        peer.socket.pause();
      }
      const all = 40;
      for (let i = 0; i < all; i++) {
        WebSocket.publish(topic, Buffer.alloc(MIB / 2, i));
        await new Promise(setImmediate);
      }
      assert.ok(limited.ws.droppedMessages > 0 && limited.ws.droppedMessages < all);
      patient.peer.socket.resume();
      const got = await messages(patient.peer, all);
      assert.ok(got.every((payload, i) => payload.length === MIB / 2 && payload[0] === i));
      limited.peer.socket.resume();
      const some = await messages(limited.peer, all - limited.ws.droppedMessages);
      assert.ok(some.every((payload, i) => payload.length === MIB / 2 && (i === 0 || payload[0] > some[i - 1][0])));
    });
  });
}

it('messages published before the handshake is complete are sent after it', async (t) => {
  const topic = unique();
  const { port } = await httpServer(t, (request, socket, head) => {
    const ws = new WebSocket(request, socket, head);
    assert.ok(ws.subscribe(topic));
    assert.strictEqual(WebSocket.publish(topic, 'early').sent, 1);
  });
  const peer = await dial(t, port);
  assert.deepStrictEqual(await messages(peer, 1), ['early']);
});

it('connections with compression and with plug-ins receive the same messages', async (t) => {
  const topic = unique();
  const { port } = await httpServer(t, (request, socket, head) => {
    const settings = request.url === '/plain' ? {} : { deflate: { threshold: 0 }, nativeDeflate: request.url === '/native' };
    new WebSocket(request, socket, head, [], settings).subscribe(topic);
  });
  const got = [];
  for (const name of ['plain', 'native', 'zlib']) {
    const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/${name}`, [], { deflate: name !== 'plain' });
    t.after(() => ws.terminate());
    await next(ws, 'open');
    ws.on('message', ({ data }) => got.push([name, data]));
  }
  const text = 'again and again '.repeat(500);
  assert.strictEqual(WebSocket.publish(topic, text).sent, 3);
  await until(() => got.length === 3);
  assert.deepStrictEqual(got.sort(), ['native', 'plain', 'zlib'].map((name) => [name, text]));
});

it('wrong arguments throw by name', async (t) => {
  const { ws } = await open(t, names[0]);
  for (const topic of [undefined, null, 1, {}, Symbol('x')]) {
    for (const call of [() => ws.subscribe(topic), () => ws.unsubscribe(topic), () => WebSocket.publish(topic, 'x')]) {
      assert.throws(call, { name: 'TypeError', message: 'topic must be a string' });
    }
  }
  for (const [options, message] of [
    [1, /^options must be an object$/], [{ excpt: ws }, /^Unrecognized option: excpt$/],
    [{ except: 1 }, /^except must be a socket, or sockets$/],
  ]) {
    assert.throws(() => WebSocket.publish('x', 'x', options), { name: 'TypeError', message });
  }
  for (const adapter of [undefined, {}, { publish() {} }]) {
    assert.throws(() => WebSocket.useTopicAdapter(adapter), { name: 'TypeError', message: /^An adapter must have the method/ });
  }
});

it('the additions are not enumerable', () => {
  assert.deepStrictEqual(Object.keys(WebSocket).filter((name) => /publish|Adapter/.test(name)), []);
  const listed = [];
  for (const name in WebSocket.prototype) listed.push(name);
  assert.deepStrictEqual(listed.filter((name) => /topic|subscribe/i.test(name)), []);
});

// ---- threads and processes

async function serveHere(t) {
  const { port } = await httpServer(t, (request, socket, head) => {
    const ws = new WebSocket(request, socket, head);
    ws.subscribe(request.url.slice(1));
  });
  return port;
}

describe('topics across threads', () => {
  it('every socket of every thread receives each message once, and those of one publisher in order', SLOW, async (t) => {
    const topic = `threads${count++}`;
    const port = await serveHere(t);
    const sides = [await Side.start(t), await Side.start(t)];
    const peers = [];
    for (const each of [port, port, ...sides.flatMap((side) => [side.port, side.port])]) {
      peers.push(await subscriber(t, each, topic));
    }
    const other = await subscriber(t, sides[0].port, 'another');
    const many = 1000;
    const answers = sides.map((side, i) => side.ask('publish', numbered(`side${i}`, many).map((text) => [topic, text])));
    for (const text of numbered('here', many)) assert.strictEqual(WebSocket.publish(topic, text).sent, 2);
    assert.deepStrictEqual(await Promise.all(answers), [2 * many, 2 * many]);

    for (const peer of peers) {
      const got = await messages(peer, 3 * many);
      for (const name of ['here', 'side0', 'side1']) {
        assert.deepStrictEqual(got.filter((text) => text.startsWith(name)), numbered(name, many));
      }
    }
    await sides[0].ask('publish', [['another', 'only this']]);
    assert.deepStrictEqual(await messages(other, 1), ['only this']);
  });

  it('bytes, long ones too, and text that is not ASCII', SLOW, async (t) => {
    const topic = `bytes${count++}`;
    const side = await Side.start(t);
    const peer = await subscriber(t, side.port, topic);
    for (const message of ['', 'héllo 𝄞', Buffer.alloc(0), Buffer.from([0, 255]), Buffer.alloc(3 * MIB, 'long')]) {
      WebSocket.publish(topic, message);
      assert.deepStrictEqual(await messages(peer, 1), [message]);
    }
  });

  it('sockets of other kinds: streams only, compressed, limited', SLOW, async (t) => {
    for (const settings of [{ kernelSocket: false }, { deflate: true }, { maxBackpressure: MIB }]) {
      const topic = `kinds${count++}`;
      const side = await Side.start(t, { settings });
      const peer = await subscriber(t, side.port, topic);
      for (const message of ['short', Buffer.alloc(100000, 1)]) {
        WebSocket.publish(topic, message);
        assert.deepStrictEqual(await messages(peer, 1), [message]);
      }
    }
  });

  it('a busy thread delivers later, and its own publications reach other threads meanwhile', SLOW, async (t) => {
    const topic = `busy${count++}`;
    const [busy, free] = [await Side.start(t), await Side.start(t)];
    const [late, soon] = [await subscriber(t, busy.port, topic), await subscriber(t, free.port, topic)];
    const unblocked = busy.ask('block', 300);
    for (const text of numbered('x', 600)) WebSocket.publish(topic, text);
    assert.deepStrictEqual(await messages(soon, 600), numbered('x', 600));
    await unblocked;
    assert.deepStrictEqual(await messages(late, 600), numbered('x', 600));
  });

  it('sockets that have unsubscribed, and threads that have ended, receive nothing', SLOW, async (t) => {
    const topic = `ends${count++}`;
    const [stays, ends] = [await Side.start(t), await Side.start(t)];
    const peer = await subscriber(t, stays.port, topic);
    await subscriber(t, ends.port, topic);
    WebSocket.publish(topic, 'one');
    assert.deepStrictEqual(await messages(peer, 1), ['one']);
    assert.deepStrictEqual(await stays.ask('unsubscribe', topic), [true]);
    WebSocket.publish(topic, 'two');
    assert.deepStrictEqual(await stays.ask('subscribe', topic), [true]);
    WebSocket.publish(topic, 'three');
    // A thread with subscribers that has nothing else to do ends.
    ends.post({ ask: 'end' });
    await ends.ended;
    WebSocket.publish(topic, 'four');
    assert.deepStrictEqual(await messages(peer, 2), ['three', 'four']);
  });

  it('threads are terminated while they are published to', SLOW, async (t) => {
    const topic = `terminated${count++}`;
    for (let i = 0; i < 5; i++) {
      const worker = new Worker(FIXTURE, { workerData: { dir } });
      t.after(() => worker.terminate());
      const [{ port }] = await once(worker, 'message');
      const peer = await subscriber(t, port, topic);
      WebSocket.publish(topic, 'first');
      await messages(peer, 1);
      const terminated = worker.terminate();
      let over = false;
      terminated.then(() => (over = true));
      while (!over) {
        for (let j = 0; j < 100; j++) WebSocket.publish(topic, Buffer.alloc(1000));
        await new Promise(setImmediate);
      }
      assert.strictEqual(await terminated, 1);
    }
  });
});

const [major, minor] = process.versions.node.split('.').map(Number);
const oldNode = (major < 22 || major === 22 && minor < 12) && 'reusePort came with Node.js 22.12';
const noReusePort = process.platform === 'linux' ? oldNode : 'which systems have reusePort is Node\'s to say';

it('the recipe for all cores: threads behind one port', { ...SLOW, skip: noReusePort }, async (t) => {
  const port = await freePort();
  const document = new Document('docs/recipes.md');
  const { text } = document.blocks.find(({ heading }) => heading === 'All cores, many machines');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'faye-websocket-recipe-'));
  const file = path.join(folder, 'app.js');
  fs.writeFileSync(file, text.replace("'faye-websocket-rs'", JSON.stringify(dir)).replace('8000', port));
  const child = spawn(process.execPath, [file], { stdio: 'inherit' });
  t.after(() => {
    child.kill('SIGKILL');
    fs.rmSync(folder, { recursive: true });
  });
  await listening(child, port);
  const clients = [];
  const received = [];
  for (let i = 0; i < 20; i++) {
    const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/room`);
    t.after(() => ws.terminate());
    ws.on('message', ({ data }) => received.push(`${i} ${data}`));
    await next(ws, 'open');
    clients.push(ws);
    // A message of its own that comes back says that it has subscribed.
    ws.send(`first of ${i}`);
    await until(() => received.includes(`${i} first of ${i}`));
  }
  clients[3].send('for all');
  await until(() => received.filter((line) => line.endsWith('for all')).length === clients.length);
});

describe('topics across processes, by an adapter', () => {
  /** Processes on one bus; each of them is told what any has published, as Redis does. */
  async function processes(t, many) {
    const sides = [];
    for (let i = 0; i < many; i++) sides.push(await Side.start(t, { isProcess: true, adapter: true }));
    for (const side of sides) {
      side.on('bus', (message) => { for (const other of sides) other.post({ bus: message }); });
    }
    return sides;
  }

  it('every socket of every process receives each message once', SLOW, async (t) => {
    const topic = `processes${count++}`;
    const sides = await processes(t, 2);
    const peers = [];
    for (const { port } of [...sides, ...sides]) peers.push(await subscriber(t, port, topic));
    const many = 200;
    await Promise.all(sides.map((side, i) => side.ask('publish', numbered(`side${i}`, many).map((text) => [topic, text]))));
    await sides[0].ask('publish', [[topic, 'x', 50000]]);
    for (const peer of peers) {
      const got = await messages(peer, 2 * many + 1);
      for (const name of ['side0', 'side1']) {
        assert.deepStrictEqual(got.filter((text) => typeof text === 'string' && text.startsWith(name)), numbered(name, many));
      }
      assert.deepStrictEqual(got.filter((bytes) => Buffer.isBuffer(bytes)), [Buffer.alloc(50000, 'x')]);
    }
  });

  it('other packages\' messages on the bus are ignored', SLOW, async (t) => {
    const topic = `foreign${count++}`;
    const [side] = await processes(t, 1);
    const peer = await subscriber(t, side.port, topic);
    const origin = Buffer.alloc(8, 'o');
    const made = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part))).toString('base64');
    for (const foreign of [made(''), made('hello'), made([2, 1], origin, 'x'), made([1, 3], origin, 'x'), made([1, 1], origin, [0xff])]) {
      side.post({ bus: [topic, foreign] });
    }
    side.post({ bus: [topic, made([1, 1], origin, 'ours')] });
    assert.deepStrictEqual(await messages(peer, 1), ['ours']);
  });

  it('one adapter carries for all threads of a process, and a second is refused', SLOW, async (t) => {
    const topic = `relay${count++}`;
    const thread = await Side.start(t);
    const peer = await subscriber(t, thread.port, topic);
    const published = [];
    let closed = 0;
    let fromElsewhere;
    const adapter = {
      publish: (name, bytes) => published.push([name, bytes.subarray(10).toString(), bytes]),
      subscribe: (onMessage) => (fromElsewhere = onMessage),
      close: () => closed++,
    };
    const stop = WebSocket.useTopicAdapter(adapter);
    assert.throws(() => WebSocket.useTopicAdapter(adapter), /^Error: The process has a topic adapter already$/);
    await assert.rejects(Side.start(t, { adapter: true }), /The process has a topic adapter already/);

    WebSocket.publish(topic, 'from here');
    assert.deepStrictEqual(await messages(peer, 1), ['from here']);
    await thread.ask('publish', [[topic, 'from the thread']]);
    await until(() => published.length === 2);
    assert.deepStrictEqual(published.map(([name, text]) => [name, text]), [[topic, 'from here'], [topic, 'from the thread']]);
    const foreign = Buffer.from(published[0][2]);
    foreign.fill(1, 2, 10);
    fromElsewhere(topic, foreign);
    fromElsewhere(topic, published[0][2]);
    assert.deepStrictEqual(await messages(peer, 2), ['from the thread', 'from here']);

    stop();
    stop();
    fromElsewhere(topic, foreign);
    WebSocket.publish(topic, 'after');
    assert.deepStrictEqual(await messages(peer, 1), ['after']);
    assert.deepStrictEqual([published.length, closed], [2, 1]);
    WebSocket.useTopicAdapter(adapter)();
  });
});
