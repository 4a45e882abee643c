'use strict';

// The programs of examples/, as their head comments say to run them. What they depend on beside this package is
// installed once, into examples/node_modules.

const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const SockJS = require('sockjs-client');

const { Client } = require('..');
const { startExample } = require('./fixtures/demo_process');
const { launch, skip: noBrowser } = require('./support/browser');
const { certificate } = require('./support/certificate');
const { RedisServer, skip: noRedis } = require('./support/redis_server');
const { SLOW, before, describe, it } = require('./support/spec');

const root = path.join(__dirname, '..');
const folder = path.join(root, 'examples');

function install() {
  const installed = fs.statSync(path.join(folder, 'node_modules', '.package-lock.json'), { throwIfNoEntry: false });
  if (installed && installed.mtimeMs >= fs.statSync(path.join(folder, 'package.json')).mtimeMs) return;
  const { status, stderr } = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'], {
    cwd: folder, encoding: 'utf8', shell: process.platform === 'win32',
  });
  assert.strictEqual(status, 0, stderr);
}

async function start(t, ...example) {
  const program = await startExample(...example);
  t.after(() => program.stop());
  return program;
}

async function get(port, target = '/') {
  const [response] = await once(http.get({ port, host: '127.0.0.1', path: target }), 'response');
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return { status: response.statusCode, text };
}

/** A client that keeps what it is sent; `heard(n)` resolves with the first n messages. */
async function connect(t, port, target = '/') {
  const client = new Client(`ws://127.0.0.1:${port}${target}`);
  t.after(() => client.terminate());
  const messages = [];
  client.on('message', ({ data }) => messages.push(data) && client.emit('more'));
  const heard = async (count) => {
    while (messages.length < count) await once(client, 'more');
    return messages.slice(0, count);
  };
  await new Promise((resolve, reject) => {
    client.once('open', resolve);
    client.once('error', ({ message }) => reject(new Error(message)));
  });
  return { client, heard, messages };
}

describe('examples', () => {
  before(install);

  it('express: a page, and a clock over WebSocket', SLOW, async (t) => {
    const { port } = await start(t, 'express.js');
    assert.match((await get(port)).text, /\/clock/);
    const { heard } = await connect(t, port, '/clock');
    const [first, second] = (await heard(2)).map(Date.parse);
    assert.ok(second > first);
    await assert.rejects(connect(t, port, '/elsewhere'), /404/);
  });

  it('fastify: rooms, and an orderly end', SLOW, async (t) => {
    const { pid, port } = await start(t, 'fastify.js');
    assert.deepStrictEqual(JSON.parse((await get(port)).text), { rooms: '/rooms/NAME' });
    const [one, two, other] = [await connect(t, port, '/rooms/a'), await connect(t, port, '/rooms/a'), await connect(t, port, '/rooms/b')];
    one.client.send('in a');
    assert.deepStrictEqual([await one.heard(1), await two.heard(1)], [['in a'], ['in a']]);
    other.client.send('in b');
    assert.deepStrictEqual(await other.heard(1), ['in b']);
    process.kill(pid, 'SIGTERM');
    const [{ code, reason }] = await once(one.client, 'close');
    assert.deepStrictEqual([code, reason], [1001, 'Restarting']);
  });

  it('https: the client prints messages received over TLS', SLOW, async (t) => {
    const place = fs.mkdtempSync(path.join(os.tmpdir(), 'example-'));
    t.after(() => fs.rmSync(place, { recursive: true }));
    const files = Object.entries(certificate()).map(([name, pem]) => {
      const file = path.join(place, `${name}.pem`);
      fs.writeFileSync(file, pem);
      return file;
    }).sort();
    const program = await start(t, 'https.js', files);
    await program.printed(/^Hello, over TLSv1\.3$/m);
  });

  it('sockjs: the override makes it load this package, and it echoes', SLOW, async (t) => {
    const doctor = spawnSync(process.execPath, [path.join(root, 'bin', 'faye-websocket-rs.js'), 'doctor'], { cwd: folder, encoding: 'utf8' });
    assert.match(doctor.stdout, /ours, faye-websocket-rs [^\n]*\n {2}used by this project, sockjs\n/);
    const { port } = await start(t, 'sockjs.js');
    const socket = new SockJS(`http://127.0.0.1:${port}/echo`, null, { transports: ['websocket'] });
    t.after(() => socket.close());
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onclose = ({ code, reason }) => reject(new Error(`${code} ${reason}`));
    });
    socket.send('through SockJS');
    const { data } = await new Promise((resolve) => { socket.onmessage = resolve; });
    assert.strictEqual(data, 'through SockJS');
  });

  it('eventsource: the page counts on where a connection was cut', { ...SLOW, skip: noBrowser }, async (t) => {
    const { port } = await start(t, 'eventsource/server.js');
    const browser = await launch();
    t.after(() => browser.close());
    const page = await browser.newPage({ viewport: { width: 500, height: 300 } });
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.waitForFunction('Number(document.getElementById("number").textContent) >= 12');
    const [connections, missing] = await Promise.all(['#connections', '#missing'].map((id) => page.textContent(id)));
    assert.ok(Number(connections) >= 3, connections);
    assert.strictEqual(missing, 'none');
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
  });

  it('redis: everybody in a room hears everybody, in order, whichever process; also when one of them dies', { ...SLOW, skip: noRedis }, async (t) => {
    const redis = await RedisServer.start(t);
    const { port } = await start(t, 'redis.js', [], { PROCESSES: '3', REDIS_URL: `unix://${redis.socket}` });
    // The primary process hands connections out in turn.
    const peers = [];
    for (let i = 0; i < 6; i++) {
      const peer = await connect(t, port, '/room');
      const [[greeting]] = [await peer.heard(1)];
      peers.push({ ...peer, pid: Number(greeting.replace('process ', '')) });
    }
    assert.strictEqual(new Set(peers.map(({ pid }) => pid)).size, 3);

    const MANY = 200;
    const send = (senders, round) => senders.forEach(({ client }, i) => {
      for (let n = 0; n < MANY; n++) client.send(`${round}.${i}.${n}`);
    });
    const check = async (hearers, senders, round, before) => {
      const all = before + senders.length * MANY;
      for (const { heard } of hearers) {
        const messages = (await heard(all)).slice(before);
        for (let i = 0; i < senders.length; i++) {
          assert.deepStrictEqual(messages.filter((text) => text.startsWith(`${round}.${i}.`)), Array.from({ length: MANY }, (_, n) => `${round}.${i}.${n}`));
        }
      }
      return all;
    };
    send(peers, 1);
    const before = await check(peers, peers, 1, 1);

    const dying = peers.filter(({ pid }) => pid === peers[0].pid);
    const staying = peers.filter(({ pid }) => pid !== peers[0].pid);
    const closed = dying.map(({ client }) => once(client, 'close'));
    send(staying, 2);
    process.kill(peers[0].pid, 'SIGKILL');
    await Promise.all(closed);
    await check(staying, staying, 2, before);
  });
});
