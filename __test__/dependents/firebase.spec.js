'use strict';

// @firebase/database 1.1.5 against a scripted server that speaks enough of the
// Realtime Database protocol, with our client in the one and our server class
// in the other. It pins faye-websocket to exactly 0.11.4.

const assert = require('node:assert');

const { after, it } = require('../support/spec');
const { assertSubstituted } = require('../support/substitute');
const { httpServer, rawServer } = require('../support/sides');
const { next } = require('../support/record');
const { WebSocket } = require('../support/package_under_test');

for (const name of ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy']) delete process.env[name];
const firebase = require('@firebase/database');
const { initializeApp } = require('@firebase/app');

after(assertSubstituted);

const NO_AUTH = {
  getToken: async () => null,
  addAuthTokenListener() {},
  removeAuthTokenListener() {}
};
let apps = 0;

/** A database client of that server; `nodeAdmin` sends the headers of the admin SDK. */
function database(t, port, nodeAdmin = false) {
  const app = initializeApp({}, `app-${++apps}`);
  const url = `http://127.0.0.1:${port}?ns=test`;
  const instance = nodeAdmin
    ? firebase._initStandalone({ app, url, version: '0.0.0', customAuthImpl: NO_AUTH, nodeAdmin })
    : firebase.getDatabase(app, url);
  t.after(() => firebase.goOffline(instance));
  return instance;
}

/** A server that completes the handshake and answers every request with what `reply` says. */
async function serve(t, reply = () => '') {
  const requests = [];
  const sockets = [];
  const { port } = await httpServer(t, (request, socket, head) => {
    const ws = new WebSocket(request, socket, head);
    sockets.push(ws);
    const send = (message) => ws.send(JSON.stringify(message));
    ws.on('open', () =>
      send({ t: 'c', d: { t: 'h', d: { ts: Date.now(), v: '5', h: `127.0.0.1:${port}`, s: 'session' } } })
    );
    let pieces = null;
    let expected = 1;
    ws.on('message', ({ data }) => {
      if (pieces === null && /^\d{1,6}$/.test(data)) {
        if (data !== '0') [pieces, expected] = [[], Number(data)];
        return;
      }
      pieces = (pieces || []).concat(data);
      if (pieces.length < expected) return;
      const message = JSON.parse(pieces.join(''));
      [pieces, expected] = [null, 1];
      if (message.t !== 'd') return;
      requests.push(message.d);
      const answer = reply(message.d, (push) => send({ t: 'd', d: push }), ws);
      send({ t: 'd', d: { r: message.d.r, b: { s: 'ok', d: answer } } });
    });
  });
  return { port, requests, sockets };
}

it('connects, writes and reads', async (t) => {
  const { port, requests } = await serve(t, ({ a, b }, push) => {
    if (a === 'q') push({ a: 'd', b: { p: b.p.slice(1), d: { answer: 42 } } });
    return '';
  });
  const db = database(t, port);
  await firebase.set(firebase.ref(db, 'greeting'), 'hællo');
  const snapshot = await new Promise((resolve) => firebase.onValue(firebase.ref(db, 'question'), resolve));
  assert.deepStrictEqual(snapshot.val(), { answer: 42 });
  const put = requests.find((request) => request.a === 'p');
  assert.deepStrictEqual(put.b, { p: '/greeting', d: 'hællo' });
});

it('sends its headers, an empty one among them', async (t) => {
  const { port, accept } = await rawServer(t);
  const db = database(t, port, true);
  firebase.set(firebase.ref(db, 'value'), 1).catch(() => {});
  const peer = await accept();
  const head = await peer.head();
  assert.match(head, /^GET \/\.ws\?v=5&ns=test HTTP\/1\.1\r\n/);
  assert.match(head, /\r\nUser-Agent: Firebase\/5\/[^\r]*\r\nX-Firebase-GMPID: \r\n/);
  firebase.goOffline(db);
  await peer.rest();
});

it('sends values larger than one of its frames', async (t) => {
  const { port, requests } = await serve(t);
  const db = database(t, port);
  const value = 'y'.repeat(100000);
  await firebase.set(firebase.ref(db, 'large'), value);
  assert.strictEqual(requests.find((request) => request.a === 'p').b.d, value);
});

it('reconnects after the connection was lost', async (t) => {
  const { port, sockets, requests } = await serve(t);
  const db = database(t, port);
  await firebase.set(firebase.ref(db, 'first'), 1);
  const lost = next(sockets[0], 'close');
  sockets[0]._stream.destroy();
  await lost;
  await firebase.set(firebase.ref(db, 'second'), 2);
  assert.strictEqual(sockets.length, 2);
  assert.deepStrictEqual(requests.filter((request) => request.a === 'p').map((request) => request.b.p), ['/first', '/second']);
});

it('closes when told to go offline', async (t) => {
  const { port, sockets } = await serve(t);
  const db = database(t, port);
  await firebase.set(firebase.ref(db, 'value'), 1);
  const closed = next(sockets[0], 'close');
  firebase.goOffline(db);
  assert.strictEqual((await closed).code, 1000);
});
