'use strict';

// tiny-lr 2.0.0, the LiveReload server, with our server side in it.

const assert = require('node:assert');
const { once } = require('node:events');

const { after, it } = require('../support/spec');
const { assertSubstituted } = require('../support/substitute');
const { next } = require('../support/record');
const { WebSocket } = require('../support/package_under_test');
const tinylr = require('tiny-lr').default || require('tiny-lr');

after(assertSubstituted);

async function serve(t, options = {}) {
  const server = new tinylr.Server(options);
  await new Promise((resolve) => server.server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { server, port: server.server.address().port };
}

async function connect(t, port) {
  const ws = new WebSocket.Client(`ws://127.0.0.1:${port}/livereload`);
  t.after(() => ws.close());
  await next(ws, 'open');
  return ws;
}

function say(ws, message) {
  const answer = next(ws, 'message');
  ws.send(JSON.stringify(message));
  return answer.then((event) => JSON.parse(event.data));
}

it('greets a browser', async (t) => {
  const { port } = await serve(t);
  const ws = await connect(t, port);
  const answer = await say(ws, { command: 'hello', protocols: ['http://livereload.com/protocols/official-7'] });
  assert.deepStrictEqual(answer, {
    command: 'hello',
    protocols: ['http://livereload.com/protocols/official-7'],
    serverName: 'tiny-lr'
  });
});

it('tells a browser which files to reload', async (t) => {
  const { server, port } = await serve(t);
  const ws = await connect(t, port);
  await say(ws, { command: 'hello' });
  const created = new Promise((resolve) => server.on('MSG /create', (id, url) => resolve({ id, url })));
  ws.send(JSON.stringify({ command: 'info', plugins: {}, url: 'http://localhost/page' }));
  const { id, url } = await created;
  assert.match(id, /^ws\d+$/);
  assert.strictEqual(url, 'http://localhost/page');

  const reload = next(ws, 'message');
  const answer = await (await fetch(`http://127.0.0.1:${port}/changed?files=site.css`)).json();
  assert.deepStrictEqual(answer, { clients: [{ id, url }], files: ['site.css'] });
  assert.deepStrictEqual(JSON.parse((await reload).data), {
    command: 'reload',
    path: 'site.css',
    liveCSS: true,
    reloadMissingCSS: true,
    liveImg: true
  });
});

it('forgets a browser that leaves', async (t) => {
  const { server, port } = await serve(t);
  const ws = await connect(t, port);
  await say(ws, { command: 'hello' });
  assert.strictEqual(Object.keys(server.clients).length, 1);
  const gone = new Promise((resolve) => server.on('MSG /destroy', resolve));
  ws.close();
  await gone;
  assert.deepStrictEqual(server.clients, {});
});

it('ignores messages that are not JSON', async (t) => {
  const { port } = await serve(t);
  const ws = await connect(t, port);
  ws.send('{');
  ws.send(Buffer.from([1, 2, 3]));
  assert.strictEqual((await say(ws, { command: 'hello' })).command, 'hello');
});

it('closes every browser when killed', async (t) => {
  const { server, port } = await serve(t);
  const sockets = [await connect(t, port), await connect(t, port)];
  const closed = sockets.map((ws) => next(ws, 'close'));
  const stopped = once(server, 'close');
  await fetch(`http://127.0.0.1:${port}/kill`, { headers: { Connection: 'close' } });
  for (const event of await Promise.all(closed)) assert.strictEqual(event.code, 1000);
  await stopped;
});
