'use strict';

// The documents: their links lead somewhere, their programs run.

const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { buffer } = require('node:stream/consumers');
const { SLOW, describe, it } = require('./support/spec');
const { certificate } = require('./support/certificate');
const { Document, listening, root, says } = require('./support/document');
const { freePort } = require('./support/free_port');
const { masked, TEXT } = require('./support/frames');
const http2 = require('./support/http2_sides');
const { Client } = require('..');

const markdown = ['.', 'docs'].flatMap((folder) => fs.readdirSync(path.join(root, folder))
  .filter((name) => name.endsWith('.md')).map((name) => path.join(folder, name)));

/** The anchors that GitHub gives to the headings of a page. */
function anchors(file) {
  const seen = new Map();
  const text = fs.readFileSync(file, 'utf8').replace(/^```[^]*?^```$/gm, '');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    const name = heading.toLowerCase().replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replace(/ /g, '-');
    const count = seen.get(name) || 0;
    seen.set(name, count + 1);
    return count === 0 ? name : `${name}-${count}`;
  });
}

describe('links in the documents', () => {
  for (const file of markdown) {
    it(file, () => {
      const text = fs.readFileSync(path.join(root, file), 'utf8').replace(/^```[^]*?^```$/gm, '');
      const dead = [];
      for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) continue;
        const [name, anchor] = target.split('#');
        const place = name ? path.join(root, path.dirname(file), name) : path.join(root, file);
        if (!fs.existsSync(place) || anchor && !anchors(place).includes(anchor)) dead.push(target);
      }
      assert.deepStrictEqual(dead, []);
    });
  }
});

describe('names in documents and comments', () => {
  it('files exist', () => {
    const missing = [];
    for (const file of ['CONTRIBUTING.md', 'docs/architecture.md']) {
      const text = fs.readFileSync(path.join(root, file), 'utf8');
      for (const [, name] of text.matchAll(/`((?:src|lib|__test__|scripts|bench|examples)\/[\w/.-]+)`/g)) {
        if (!fs.existsSync(path.join(root, name))) missing.push(`${file}: ${name}`);
      }
    }
    assert.deepStrictEqual(missing, []);
  });

  it('functions and types of docs/architecture.md exist', () => {
    const code = ['src', 'lib'].flatMap((folder) => fs.readdirSync(path.join(root, folder), { recursive: true })
      .filter((name) => /\.(rs|js|ts)$/.test(name)).map((name) => fs.readFileSync(path.join(root, folder, name), 'utf8'))).join('\n');
    const [text] = fs.readFileSync(path.join(root, 'docs', 'architecture.md'), 'utf8').replace(/^```[^]*?^```$/gm, '').split('## The unsafe ledger');
    const names = [...text.matchAll(/`((?:\w+(?:::|\.))*\w+)(?:\(\))?`/g)].flatMap(([, name]) => name.split(/::|\./));
    assert.ok(names.length > 50);
    assert.deepStrictEqual(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(code)), []);
  });

  it('files that comments of src/ and lib/ name exist', () => {
    const missing = [];
    for (const folder of ['src', 'lib']) {
      for (const name of fs.readdirSync(path.join(root, folder), { recursive: true })) {
        if (!/\.(rs|js|d\.ts)$/.test(name) || name.startsWith(`wasm${path.sep}`) && folder === 'lib') continue;
        const file = path.join(root, folder, name);
        const comments = fs.readFileSync(file, 'utf8').match(/\/\*[^]*?\*\/|\/\/.*/g) || [];
        const named = comments.flatMap((comment) => comment.match(/(?<![\w/.:])(?:\.{1,2}|src|lib|docs|__test__|scripts)\/[\w./-]*\w/g) || []);
        for (const other of named) {
          const place = path.join(other.startsWith('.') ? path.dirname(file) : root, other);
          if (!['', '.js', '.d.ts'].some((ending) => fs.existsSync(place + ending))) missing.push(`${folder}/${name}: ${other}`);
        }
      }
    }
    assert.deepStrictEqual(missing, []);
  });

  it('scripts of npm exist', () => {
    const { scripts } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
    const missing = [];
    for (const file of markdown) {
      const text = fs.readFileSync(path.join(root, file), 'utf8');
      for (const [, name] of text.matchAll(/\bnpm run ([\w:]+)/g)) if (!(name in scripts)) missing.push(`${file}: ${name}`);
    }
    assert.deepStrictEqual(missing, []);
  });

  it('the ledger of docs/architecture.md counts every unsafe block', () => {
    const found = {};
    for (const name of fs.readdirSync(path.join(root, 'src'), { recursive: true }).filter((each) => each.endsWith('.rs'))) {
      const code = fs.readFileSync(path.join(root, 'src', name), 'utf8').replace(/\/\/.*/g, '');
      const blocks = code.match(/\bunsafe \{/g);
      if (blocks !== null) found[`src/${name.split(path.sep).join('/')}`] = blocks.length;
    }
    const [, ledger] = fs.readFileSync(path.join(root, 'docs', 'architecture.md'), 'utf8').split('## The unsafe ledger');
    const listed = [...ledger.matchAll(/^\| (`src[^|]*) \| (\d+) \|/gm)].map(([, files, blocks]) => ({
      files: [...files.matchAll(/`([^`]+)`/g)].map(([, file]) => file), blocks: Number(blocks),
    }));
    for (const { files, blocks } of listed) {
      const sum = files.reduce((total, file) => total + (found[file] || 0), 0);
      assert.strictEqual(sum, blocks, files.join());
    }
    assert.deepStrictEqual(listed.flatMap(({ files }) => files).sort(), Object.keys(found).sort());
  });
});

/** A client with what it has heard; `closed` resolves with its 'close' event. */
function connect(port, { target = '/', scheme = 'ws', protocols = [], ...options } = {}) {
  const ws = new Client(`${scheme}://localhost:${port}${target}`, protocols, options);
  ws.heard = [];
  ws.bytes = 0;
  ws.on('message', ({ data }) => {
    ws.bytes += data.length;
    if (typeof data === 'string') ws.heard.push(data);
  });
  ws.closed = new Promise((resolve) => { ws.on('close', resolve); });
  return ws;
}

/** Starts a program and waits until it listens. */
async function serve(t, document, heading, options) {
  const port = await freePort();
  const child = document.run(t, heading, port, options);
  await listening(child, port);
  return { child, port };
}

async function connectHttp2(t, port, secure) {
  const session = await http2.connect(t, port, { secure });
  return { session, ...await http2.request(session) };
}

async function message(ws) {
  return ws.heard.length > 0 ? ws.heard.shift() : once(ws, 'message').then(() => ws.heard.shift());
}

/** Opens a WebSocket by hand, whose peer says nothing more. */
async function silent(t, port) {
  const socket = net.connect(port, 'localhost');
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
  await once(socket, 'data');
  return socket;
}

const api = new Document('docs/api.md');
const dialling = new Document('docs/dialling.md');
const recipes = new Document('docs/recipes.md');

describe('docs/api.md', () => {
  it('the server takes the first subprotocol of the client that it speaks', SLOW, async (t) => {
    const { port } = await serve(t, api, '`new WebSocket(request, socket, head, [protocols], [options])`');
    const ws = connect(port, { protocols: ['other', 'echo', 'chat'] });
    ws.send('Hi');
    assert.strictEqual(await message(ws), 'echo: Hi');
    ws.close();
    await ws.closed;
  });

  it('compression is agreed on', SLOW, async (t) => {
    const { port } = await serve(t, api, 'Compression');
    const ws = connect(port, { deflate: true });
    ws.send('Hi'.repeat(1000));
    assert.strictEqual(await message(ws), 'Hi'.repeat(1000));
    assert.match(ws.headers['sec-websocket-extensions'], /permessage-deflate/);
    ws.close();
    await ws.closed;
  });

  it('an upload is stored while it arrives, and comes back', SLOW, async (t) => {
    const cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'faye-websocket-upload-'));
    t.after(() => fs.rmSync(cwd, { recursive: true, force: true }));
    const { port } = await serve(t, api, 'Long messages', { cwd });
    const ws = connect(port, { streamAbove: 1 << 20 });
    await once(ws, 'open');
    const bytes = Buffer.alloc(3 << 20, 'upload');
    ws.send(bytes);
    assert.strictEqual(await message(ws), 'stored');
    ws.send('back');
    const [stream] = await once(ws, 'stream');
    assert.ok(bytes.equals(await buffer(stream)));
    ws.close();
    await ws.closed;
  });

  it('closeAll lets the server close', { ...SLOW, skip: process.platform === 'win32' }, async (t) => {
    const { child, port } = await serve(t, api, 'Shutting down');
    const ws = connect(port);
    await once(ws, 'open');
    child.kill('SIGTERM');
    const { code, reason } = await ws.closed;
    assert.deepStrictEqual([code, reason], [1001, 'Restarting']);
    await says(child, /nothing left/);
    assert.strictEqual(child.exitCode ?? (await once(child, 'close'))[0], 0);
  });

  it('all programs are run', () => assert.deepStrictEqual(api.unrun, []));
});

describe('docs/dialling.md', () => {
  it('kernelSocket: false has Node dial', SLOW, async (t) => {
    const { port } = await serve(t, new Document('README.md'), 'A server');
    const child = dialling.run(t, 'Who dials a client', port);
    assert.strictEqual((await once(child, 'close'))[0], 0);
    assert.strictEqual(child.said, 'node option kernelSocket\nclosed\n');
  });

  it('all programs are run', () => assert.deepStrictEqual(dialling.unrun, []));
});

describe('docs/recipes.md', () => {
  it('Authentication at the upgrade: an unknown user is refused with a status, a known one is greeted', SLOW, async (t) => {
    const { port } = await serve(t, recipes, 'Authentication at the upgrade');
    const strangers = [
      [{}, 401],
      [{ Authorization: 'Bearer secret', Origin: 'http://elsewhere' }, 403],
      [{ Authorization: 'Bearer other', Origin: 'http://localhost:8000' }, 403],
    ];
    for (const [headers, status] of strangers) {
      const ws = connect(port, { headers });
      const { code } = await ws.closed;
      assert.deepStrictEqual([ws.statusCode, code], [status, 1002]);
    }
    const ws = connect(port, { headers: { Authorization: 'Bearer secret', Origin: `http://localhost:${port}` } });
    assert.strictEqual(await message(ws), 'Hello ann');
    ws.close();
    await ws.closed;
    const request = http.get({ port, host: 'localhost', headers: { Connection: 'Upgrade', Upgrade: 'else' } });
    const [{ statusCode }] = await once(request, 'response');
    assert.strictEqual(statusCode, 400);
  });

  it('Heartbeat: a peer that does not answer pings is terminated', SLOW, async (t) => {
    const { child, port } = await serve(t, recipes, 'Heartbeat', { instead: { 'ping: 15': 'ping: 0.1', 'pongTimeout: 10': 'pongTimeout: 0.2' } });
    const socket = await silent(t, port);
    if (!socket.closed) await once(socket, 'close');
    await says(child, /^Ping was not answered within 0\.2 seconds\nclosed 1006/);
  });

  it('Graceful shutdown: open connections are closed, and the process ends', { ...SLOW, skip: process.platform === 'win32' }, async (t) => {
    const { child, port } = await serve(t, recipes, 'Graceful shutdown');
    const ws = connect(port);
    await once(ws, 'open');
    child.kill('SIGTERM');
    assert.strictEqual((await ws.closed).code, 1001);
    await says(child, /closed 1, terminated 0/);
    await says(child, /the server is closed/);
    assert.strictEqual(child.exitCode ?? (await once(child, 'close'))[0], 0);
  });

  it('Backpressure: everything arrives', SLOW, async (t) => {
    const { port } = await serve(t, recipes, 'Backpressure');
    const ws = connect(port);
    await ws.closed;
    assert.strictEqual(ws.bytes, 500 * 65536);
  });

  it('Backpressure: messages beyond a peer\'s limit are dropped', SLOW, async (t) => {
    const { child, port } = await serve(t, recipes, 'Backpressure', {
      index: 1,
      instead: { 'ws.send(Buffer.alloc(65536)), 10': 'ws.send(Buffer.alloc(1 << 21)) || ws.droppedMessages > 0 && console.log("full"), 1' },
    });
    const socket = await silent(t, port);
    socket.pause();
    await says(child, /full/);
    socket.destroy();
    const [, dropped] = await says(child, /dropped (\d+)/);
    assert.ok(dropped > 0, dropped);
  });

  it('A loop over messages: each is answered, until the loop is left', SLOW, async (t) => {
    const { port } = await serve(t, recipes, 'A loop over messages');
    const ws = connect(port);
    for (const text of ['a', 'b', 'bye']) ws.send(text);
    assert.strictEqual(await message(ws), 'heard a');
    assert.strictEqual(await message(ws), 'heard b');
    assert.strictEqual((await ws.closed).code, 1000);
  });

  it('Rooms: a message reaches those of its room', SLOW, async (t) => {
    const { port } = await serve(t, recipes, 'Rooms');
    const [one, two, other] = ['/red', '/red', '/blue'].map((target) => connect(port, { target }));
    await Promise.all([one, two, other].map((ws) => once(ws, 'open')));
    // What it hears of its own tells that the server has it in its room.
    for (const ws of [two, other]) {
      ws.send('here');
      assert.strictEqual(await message(ws), 'here');
    }
    one.send('to red');
    for (;;) if (await message(two) === 'to red') break;
    other.send('to blue');
    assert.strictEqual(await message(other), 'to blue');
    for (const ws of [one, two, other]) {
      ws.close();
      await ws.closed;
    }
  });

  it('OpenTelemetry: a span for each connection, with its messages and bytes', SLOW, async (t) => {
    const { child, port } = await serve(t, recipes, 'OpenTelemetry', {
      instead: {
        "require('@opentelemetry/api')": `(require(${JSON.stringify(path.join(__dirname, 'fixtures', 'span_printer.js'))}), require(${JSON.stringify(require.resolve('@opentelemetry/api'))}))`,
      },
    });
    const ws = connect(port);
    ws.send('größe');
    assert.strictEqual(await message(ws), 'größe');
    ws.close(3000);
    await ws.closed;
    const [, text] = await says(child, /^span (.*)$/m);
    const { name, kind, attributes: { 'url.full': url, 'websocket.path': way, ...attributes }, status } = JSON.parse(text);
    assert.deepStrictEqual([name, kind, status], ['websocket', 1, undefined]);
    assert.match(url, /^ws:\/\/localhost:\d+\/$/);
    assert.match(way, /^(loop|stream)$/);
    assert.deepStrictEqual(attributes, {
      'websocket.subprotocol': '', 'websocket.close_code': 3000, 'websocket.messages_received': 1, 'websocket.messages_sent': 1,
      'websocket.bytes_received': 7, 'websocket.bytes_sent': 7,
    });

    const failing = await silent(t, port);
    // A frame of a reserved opcode.
    failing.write(Buffer.from([0x83, 0x80, 0, 0, 0, 0]));
    const [, failed] = await says(child, /^span (.*"status":\{.*)$/m);
    assert.deepStrictEqual(JSON.parse(failed).status, { code: 2, message: 'Unrecognized frame opcode: 3' });
  });

  it('Behind nginx: the headers of the proxy are seen', SLOW, async (t) => {
    const { port } = await serve(t, recipes, 'Behind nginx');
    const ws = new Client(`ws://127.0.0.1:${port}/room`, [], { headers: { 'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': 'https', Host: 'example.com' } });
    const [{ data }] = await once(ws, 'message');
    assert.match(data, /^192\.0\.2\.1 at wss:/);
    ws.close();
    await once(ws, 'close');
  });

  it('TLS: the client trusts the certificate authority it is given', SLOW, async (t) => {
    const cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'recipes-'));
    t.after(() => fs.rmSync(cwd, { recursive: true, force: true }));
    const { cert, key } = certificate();
    for (const [name, text] of [['cert.pem', cert], ['ca.pem', cert], ['key.pem', key]]) fs.writeFileSync(path.join(cwd, name), text);
    const { port } = await serve(t, recipes, 'TLS', { cwd });
    const client = recipes.run(t, 'TLS', port, { index: 1, cwd });
    assert.strictEqual((await once(client, 'close'))[0], 0);
    assert.strictEqual(client.said, `wss://localhost:${port}/: Hello\n`);
  });

  it('HTTP/2: both versions of HTTP, and event streams', SLOW, async (t) => {
    const cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'recipes-'));
    t.after(() => fs.rmSync(cwd, { recursive: true, force: true }));
    for (const [name, text] of Object.entries(certificate())) fs.writeFileSync(path.join(cwd, `${name}.pem`), text);
    const { port } = await serve(t, recipes, 'HTTP/2', { cwd });
    const { peer, session } = await connectHttp2(t, port, true);
    peer.write(masked(TEXT, 'Hi'));
    assert.match((await peer.frame()).payload.toString(), /^wss:\/\/127\.0\.0\.1:\d+\/ heard Hi$/);
    const events = session.request({ ':path': '/', accept: 'text/event-stream' });
    let text = '';
    for await (const chunk of events) {
      text += chunk;
      if (text.includes('data: news')) break;
    }
    const ws = connect(port, { scheme: 'wss', tls: { rejectUnauthorized: false } });
    ws.send('Ho');
    assert.match(await message(ws), /heard Ho$/);
    ws.close();
    await ws.closed;
  });

  it('HTTP/2: with streams only', SLOW, async (t) => {
    const { port } = await serve(t, recipes, 'HTTP/2', { index: 1 });
    const { peer, session } = await connectHttp2(t, port, false);
    assert.strictEqual((await peer.frame()).payload.toString(), 'Hello');
    const [{ ':status': status }] = await once(session.request({ ':path': '/' }), 'response');
    assert.strictEqual(status, 404);
  });

  it('ES modules: named imports', SLOW, async (t) => {
    const { child, port } = await serve(t, recipes, 'ES modules, Bun and Deno');
    const ws = connect(port);
    ws.send('Hi');
    assert.strictEqual(await message(ws), 'Hi');
    await says(child, /sent to 1 true/);
    ws.close();
    await ws.closed;
  });

  it('all programs are run', () => assert.deepStrictEqual(recipes.unrun, []));
});
