'use strict';

// Listeners that run the event loop before they return: what arrives meanwhile is delivered, and nothing of what
// had arrived before is lost, overtaken or mixed with it.

const assert = require('node:assert');

const { it, describe } = require('./support/spec');
const { until } = require('./support/record');
const { caught } = require('./support/caught');
const { names, open, runsLoop } = require('./support/paths');
const loop = require('./support/loop');
const { TEXT, BINARY, PING } = require('./support/frames');

const runs = { skip: loop.skip };
const runsOn = (path) => (runsLoop(path) ? runs : { skip: 'Node\'s sessions of HTTP/2 cannot be read from their listeners' });
/** Node's TLS socket that is delivering what it has decrypted decrypts nothing more until that returns. */
const runsItself = (path) => (['server, TLS', 'client, wss through Node'].includes(path)
  ? { skip: 'Node\'s own TLS sockets cannot be read from their listeners' } : runsOn(path));

const texts = (word, count) => Array.from({ length: count }, (_, i) => `${word} ${i}`);

function received(ws, onMessage = () => {}) {
  const got = [];
  ws.on('message', ({ data }) => {
    got.push(data);
    onMessage(data);
  });
  return got;
}

const join = (side, messages) => Buffer.concat(messages.map((text) => side.frame(TEXT, text)));

for (const one of names) {
  describe(`the loop is run by a listener: ${one}`, () => {
    for (const other of names) {
      it(`another connection receives meanwhile: ${other}`, runsOn(one), async (t) => {
        const a = await open(t, one);
        const b = await open(t, other);
        const forA = ['run', ...texts('transfer to alice', 40)];
        const forB = texts('hunter2 the quick brown fox', 60);
        const fromB = received(b.ws);
        const fromA = received(a.ws, (data) => {
          if (data !== 'run') return;
          b.peer.write(join(b, forB));
          loop.runLoopUntil(() => fromB.length === forB.length);
        });
        a.peer.write(join(a, forA));
        await until(() => fromA.length === forA.length);
        assert.deepStrictEqual(fromA, forA);
        assert.deepStrictEqual(fromB, forB);
      });
    }

    it('the same connection receives more meanwhile', runsItself(one), async (t) => {
      const side = await open(t, one);
      const first = texts('first', 50);
      const second = texts('second', 50);
      const got = received(side.ws, (data) => {
        if (data !== 'first 9') return;
        side.peer.write(join(side, second));
        loop.runLoopUntil(() => got.length === 100);
      });
      side.peer.write(join(side, first));
      await until(() => got.length === 100);
      assert.deepStrictEqual(got, [...first, ...second]);
    });

    it('several levels deep, each in a listener of the level before', runsItself(one), async (t) => {
      const side = await open(t, one);
      const parts = [0, 1, 2, 3, 4].map((i) => texts(`part ${i}`, 20));
      const all = parts.flat();
      const got = received(side.ws, (data) => {
        const match = /^part ([0-3]) 3$/.exec(data);
        if (match === null) return;
        side.peer.write(join(side, parts[Number(match[1]) + 1]));
        loop.runLoopUntil(() => got.length === all.length);
      });
      side.peer.write(join(side, parts[0]));
      await until(() => got.length === all.length);
      assert.deepStrictEqual(got, all);
    });

    it('messages of every kind follow in the same chunk', runsOn(one), async (t) => {
      const side = await open(t, one);
      const other = await open(t, one);
      const pings = [];
      side.ws._driver.on('ping', ({ data }) => pings.push(data));
      const big = Buffer.alloc(20000, 7);
      const long = Buffer.alloc(200000, 9);
      const fromOther = received(other.ws);
      const got = received(side.ws, (data) => {
        if (data !== 'run') return;
        other.peer.write(other.frame(BINARY, Buffer.alloc(60000, 1)));
        loop.runLoopUntil(() => fromOther.length === 1);
      });
      const { frame } = side;
      side.peer.write(Buffer.concat([
        frame(TEXT, 'run'), frame(TEXT, 'é'.repeat(100)), frame(PING, 'p'), frame(BINARY, big),
        frame(TEXT, 'x', { fin: false }), frame(PING, 'q'), frame(0, 'y'), frame(BINARY, long), frame(TEXT, 'end'),
      ]));
      await until(() => got.length === 6);
      assert.deepStrictEqual(got, ['run', 'é'.repeat(100), big, 'xy', long, 'end']);
      assert.deepStrictEqual(pings, ['p', 'q']);
    });

    it('listeners of the message and of the inner loop throw', runsItself(one), async (t) => {
      const side = await open(t, one);
      const thrown = caught(t);
      const got = received(side.ws, (data) => {
        if (data === 'b 2') throw new Error(data);
        if (data !== 'a 1') return;
        side.peer.write(join(side, texts('b', 5)));
        loop.runLoopUntil(() => got.length >= 8);
        throw new Error(data);
      });
      side.peer.write(join(side, texts('a', 5)));
      await until(() => thrown.length === 2);
      side.peer.write(side.frame(TEXT, 'last'));
      await until(() => got.length === 11);
      assert.deepStrictEqual(got, [...texts('a', 5), ...texts('b', 5), 'last']);
    });
  });
}

describe('many connections are ready when a listener runs the loop', () => {
  for (const path of names) {
    it(path, runs, async (t) => {
      const sides = [];
      for (let i = 0; i < 12; i++) sides.push(await open(t, path));
      const got = sides.map(({ ws }, i) => received(ws, (data) => {
        if (i !== 0 || data !== 'm 0') return;
        // Whoever the loop would have served next is served now.
        loop.runLoopUntil(() => got.every((texts, j) => j === 0 || texts.length === 3));
      }));
      for (const side of sides) side.peer.write(join(side, texts('m', 3)));
      await until(() => got.every((texts) => texts.length === 3));
      for (const each of got) assert.deepStrictEqual(each, texts('m', 3));
    });
  }
});
