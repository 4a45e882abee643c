'use strict';

// Messages that would fill memory: in many pieces, announced and not sent, answered and not read.

const { CONTINUATION, TEXT, BINARY, PING, PONG } = require('../../support/frames');
const { keepsMemory } = require('../../support/node');
const { until } = require('../../support/record');
const { PATIENCE, within } = require('../stage');
const { result } = require('./cases');

const MB = 1 << 20;
const MOST_FRAGMENTS = 131072;

const many = (count, make) => Buffer.concat(Array.from({ length: count }, make));

/** Writes the same bytes again and again until all of it has been taken or the other end is gone. */
async function flood(peer, bytes, times) {
  for (let i = 0; i < times && !peer.ended; i++) {
    peer.write(bytes);
    if (peer.socket.writableNeedDrain) await until(() => !peer.socket.writableNeedDrain || peer.ended);
  }
}

/** A message of `fragments` fragments that has no end. */
async function fragments(side, count, payload) {
  const { out } = side;
  side.peer.write(out(TEXT, payload, { fin: false }));
  const part = many(1000, () => out(CONTINUATION, payload, { fin: false }));
  await flood(side.peer, part, Math.floor((count - 1) / 1000));
  side.peer.write(many((count - 1) % 1000, () => out(CONTINUATION, payload, { fin: false })));
}

module.exports = [
  ...[[0, '4', 'empty'], [1, '5', 'of one byte']].map(([size, row, words]) => ({
    row,
    title: `fragments ${words} without an end: 131,072 are taken, no more`,
    ids: ['CVE-2026-48779', 'ws #2329', 'CVE-2026-12151'],
    ways: ['whole'],
    growth: 16,
    async play(stage) {
      const side = await stage.open();
      const payload = 'x'.repeat(size);
      await fragments(side, MOST_FRAGMENTS, payload);
      const results = [result('131,072', await side.probe() || await side.verdict(), 'open')];
      const more = stage.bounded || stage.isOurs ? 1 : 1e6 - MOST_FRAGMENTS;
      await flood(side.peer, many(Math.min(more, 1000), () => side.out(CONTINUATION, payload, { fin: false })), Math.ceil(more / 1000));
      let got = await side.verdict();
      if (stage.isOurs && side.complaint.reason !== 'Too many message fragments') got += ` for ${side.complaint.reason}`;
      results.push(result(more === 1 ? 'one more' : '1,000,000', got, '1008'));
      return results;
    },
  })),
  {
    row: '6',
    title: '131,000 fragments of one byte, then nothing: what each connection pins',
    ids: ['ws #2331', 'CVE-2026-48779'],
    ways: ['whole'],
    async play(stage) {
      const count = stage.bounded ? 8 : 16;
      const results = [];
      const sizes = [];
      // The first ones bring what all connections share.
      for (let i = -2; i < count; i++) {
        const side = await stage.open();
        await fragments(side, 131000, 'x');
        results.push(result('131,000', await side.probe() || await side.verdict(), 'open'));
        if (i >= -1) sizes.push((await stage.subject.ask('memory')).rss);
      }
      // Without the largest step, in which an allocator takes something for many connections.
      const steps = sizes.slice(1).map((size, i) => size - sizes[i]).sort((a, b) => a - b).slice(0, -1);
      const held = Math.max(0, Math.round(steps.reduce((sum, step) => sum + step, 0) / steps.length / 1024));
      const pinned = held <= 1024 ? 'at most 1 MiB' : 'more than 1 MiB';
      results.push({ ...result('pinned', pinned, keepsMemory ? pinned : 'at most 1 MiB'), note: `${held} KiB each` });
      return results;
    },
  },
  {
    row: '12',
    title: '63 MiB announced, 10 bytes sent',
    ways: ['whole'],
    growth: 16,
    async play(stage) {
      const sides = [];
      for (let i = 0; i < (stage.bounded ? 50 : 1000); i++) sides.push(await stage.open());
      // What an open connection costs without any message, over TLS above all, is OpenSSL's and Node's.
      await stage.measure();
      for (const side of sides) side.peer.write(side.out(BINARY, '0123456789', { length: 63 * MB, form: 64 }));
      return [result('a connection beside them', await stage.alive(), 'alive')];
    },
  },
  {
    row: '13',
    title: 'pings from a peer that does not read',
    ids: ['ws 8.23.0'],
    ways: ['whole'],
    growth: 40,
    async play(stage) {
      const side = await stage.open();
      side.peer.socket.pause();
      const { out } = side;
      const pings = many(400, () => out(PING, 'x'.repeat(125)));
      const times = stage.bounded ? 400 : 1000;
      const sent = await within(flood(side.peer, pings, times).then(() => true, () => false), 3 * PATIENCE, false);
      side.peer.write(out(TEXT, 'the end'));
      const heard = await side.message(0, sent ? PATIENCE : 100);
      const close = side.events.find(([type]) => type === 'close');
      const got = heard ? 'all read' : close ? `${close[1]}` : stage.subject.death ? 'DIED' : 'reads no more';
      return [result('pings', got, 'all read')];
    },
  },
  {
    row: '13',
    title: 'pongs that nobody asked for, messages while nothing is read',
    ways: ['whole'],
    growth: 40,
    async play(stage) {
      const side = await stage.open();
      const pongs = many(1000, () => side.out(PONG, 'x'.repeat(125)));
      await flood(side.peer, pongs, stage.bounded ? 20 : 100);
      return [result('pongs', await side.verdict(true), 'open')];
    },
  },
  {
    row: 'B45',
    title: '64 GB announced to a side that is closing',
    ways: ['whole'],
    growth: 100,
    async play(stage) {
      const side = await stage.open({ settings: { maxLength: 1000 } });
      await side.call('close');
      await side.peer.frame();
      side.peer.write(side.out(BINARY, '', { length: 64n * 2n ** 30n, form: 64 }));
      await flood(side.peer, Buffer.alloc(MB), stage.bounded ? 100 : 400);
      const got = side.events.some(([type]) => type === 'message') ? 'delivered' : 'skipped';
      return [result('64 GB', got, 'skipped')];
    },
  },
];
