'use strict';

// Topics across processes by Redis, with either of its clients: a server of Debian's, which is also restarted.

const assert = require('node:assert');

const { it, describe, SLOW } = require('./support/spec');
const { WebSocket, dir } = require('./support/package_under_test');
const { RedisServer, skip } = require('./support/redis_server');
const { Side, messages, numbered, subscriber } = require('./support/topics');

const { RedisAdapter } = require(`${dir}/redis`);

for (const client of ['redis', 'ioredis']) {
  describe(`topics by Redis: the client ${client}`, { skip }, () => {
    async function start(t) {
      const server = await RedisServer.start(t);
      const options = { isProcess: true, redis: { client, socket: server.socket } };
      const sides = [await Side.start(t, options), await Side.start(t, options)];
      return { server, sides };
    }

    it('every subscriber receives each message once, those of one publisher in order', SLOW, async (t) => {
      const { sides } = await start(t);
      const topic = 'news [a]*?\\';
      const path = encodeURIComponent(topic);
      const peers = [];
      for (const { port } of [...sides, ...sides]) peers.push(await subscriber(t, port, path));
      const many = 300;
      await Promise.all(sides.map((side, i) => side.ask('publish', numbered(`side${i}`, many).map((text) => [topic, text]))));
      await sides[1].ask('publish', [[topic, 'x', 200000]]);
      for (const peer of peers) {
        const got = await messages(peer, 2 * many + 1);
        for (const name of ['side0', 'side1']) {
          assert.deepStrictEqual(got.filter((data) => typeof data === 'string' && data.startsWith(name)), numbered(name, many));
        }
        assert.deepStrictEqual(got.find(Buffer.isBuffer), Buffer.alloc(200000, 'x'));
      }
    });

    it('Redis stops and starts again: messages within the process arrive meanwhile, both clients report it, and no message comes twice', SLOW, async (t) => {
      const { server, sides } = await start(t);
      const [here, there] = [await subscriber(t, sides[0].port, 'news'), await subscriber(t, sides[1].port, 'news')];
      await sides[0].ask('publish', [['news', 'before']]);
      assert.deepStrictEqual([await messages(here, 1), await messages(there, 1)], [['before'], ['before']]);

      const lost = sides.map((side) => side.told('disconnect'));
      await server.stop();
      await Promise.all(lost);
      // Either client may be the first to notice.
      while (await sides[0].ask('publishes')) await new Promise((resolve) => setTimeout(resolve, 5));
      await sides[0].ask('publish', [['news', 'while it is away']]);
      assert.deepStrictEqual(await messages(here, 1), ['while it is away']);
      assert.deepStrictEqual(await Promise.all(sides.map((side) => side.ask('dropped'))), [1, 0]);

      const back = sides.map((side) => side.told('connect'));
      await server.start();
      await Promise.all(back);
      await sides[0].ask('publish', [['news', 'after']]);
      await sides[1].ask('publish', [['news', 'answer']]);
      assert.deepStrictEqual((await messages(here, 2)).sort(), ['after', 'answer']);
      // Not the one of meanwhile: each message arrives at most once.
      assert.deepStrictEqual((await messages(there, 2)).sort(), ['after', 'answer']);
    });

    it('an adapter that was ended leaves the clients as they were', SLOW, async (t) => {
      const { server, sides } = await start(t);
      const peer = await subscriber(t, sides[0].port, 'news');
      assert.strictEqual(await sides[0].ask('stop'), 0);
      await sides[1].ask('publish', [['news', 'not here']]);
      await sides[0].ask('publish', [['news', 'here']]);
      assert.deepStrictEqual(await messages(peer, 1), ['here']);
      await server.stop();
    });
  });
}

it('values that are no clients of Redis are refused by name', () => {
  const client = { publish() {}, on() {}, isReady: true };
  for (const [clients, message] of [
    [{}, 'publisher must be a client of redis or ioredis'],
    [{ publisher: client }, 'subscriber must be a client of redis or ioredis'],
    [{ publisher: client, subscriber: client }, 'publisher and subscriber must be two clients'],
    [{ publisher: client, subscriber: { ...client }, prefix: 1 }, 'prefix must be a string'],
  ]) {
    assert.throws(() => new RedisAdapter(clients), { name: 'TypeError', message });
  }
  assert.strictEqual(typeof WebSocket.useTopicAdapter, 'function');
});
