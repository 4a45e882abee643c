'use strict';

// Compressed messages: bombs, streams that are none, and what stands behind them in a chunk.

const zlib = require('node:zlib');

const { CONTINUATION, TEXT, BINARY, PING } = require('../../support/frames');
const { compress } = require('../../support/compression');
const { PATIENCE } = require('../stage');
const { result, onOpen } = require('./cases');

const MB = 1 << 20;
const RSV1 = 4;
const EXTENSION = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };

/** A message in frames of `size` bytes. */
function cut(out, bytes, size) {
  const frames = [];
  for (let at = 0; at < bytes.length; at += size) {
    frames.push(out(at === 0 ? BINARY : CONTINUATION, bytes.subarray(at, at + size), {
      fin: at + size >= bytes.length, rsv: at === 0 ? RSV1 : 0,
    }));
  }
  return frames;
}

/** Bombs by what they inflate to, made once. */
const bombs = new Map();
function bomb(megabytes) {
  if (!bombs.has(megabytes)) bombs.set(megabytes, compress(Buffer.alloc(megabytes * MB)));
  return bombs.get(megabytes);
}

module.exports = [
  ...[{}, { foreign: true, plugin: true, deflate: false }].map((extra) => ({
    row: '7',
    title: `a deflate bomb of 512 MiB${extra.foreign ? ', through the foreign plug-in' : ''}`,
    ids: ['CVE-2026-1526', 'CVE-2026-54490', 'CVE-2016-10542'],
    ways: ['whole'],
    // The limit is 64 MiB, and vectors grow by doubling.
    growth: extra.foreign ? undefined : 150,
    async play(stage) {
      const side = await stage.open({ settings: { deflate: true, ...extra }, headers: EXTENSION });
      const size = stage.bounded ? 128 : 512;
      side.peer.write(side.out(BINARY, bomb(size), { rsv: RSV1 }));
      // Where it is inflated aside, the connection answers pings until it fails.
      side.peer.socket.once('end', () => side.peer.end());
      await side.find('close', (stage.bounded ? 1 : 6) * PATIENCE);
      return [result(`${size} MiB`, await side.verdict(), '1009')];
    },
  })),
  {
    row: '8',
    title: 'a bomb in many fragments, a limit of 1 MiB',
    ids: ['CVE-2026-54490'],
    ways: ['whole'],
    growth: 32,
    play: (stage) => onOpen(stage, [['128 MiB', (out) => cut(out, bomb(128), 1000), '1009']], {
      settings: { deflate: true, maxLength: MB }, headers: EXTENSION,
    }),
  },
  {
    row: '8',
    title: 'bad deflate data, RSV1 where it may not be',
    ids: ['CVE-2026-29035'],
    play: (stage) => onOpen(stage, [
      ['bad data', (out) => [out(TEXT, Buffer.from('ffffffffff', 'hex'), { rsv: RSV1 })], /^(1002|1007|1010)$/],
      // A distance that reaches in front of the first byte.
      ['a distance too far', (out) => [out(TEXT, Buffer.from('020200', 'hex'), { rsv: RSV1 })], /^(1002|1007|1010)$/],
      ['a reserved block type', (out) => [out(TEXT, Buffer.from('07', 'hex'), { rsv: RSV1 })], /^(1002|1007|1010)$/],
      ['a stored block of the wrong length', (out) => [out(TEXT, Buffer.from('000500000061', 'hex'), { rsv: RSV1 })], /^(1002|1007|1010)$/],
      ['RSV1 on a ping', (out) => [out(PING, 'x', { rsv: RSV1 })], '1002'],
      ['RSV1 on a continuation', (out) => [out(TEXT, 'x', { fin: false }), out(CONTINUATION, 'x', { rsv: RSV1 })], '1002'],
      ['RSV2 beside RSV1', (out) => [out(TEXT, 'x', { rsv: 6 })], '1002'],
    ], { settings: { deflate: true }, headers: EXTENSION }),
  },
  {
    row: '8',
    title: 'a final block, an empty message, text that inflates to bad UTF-8',
    async play(stage) {
      const side = await stage.open({ settings: { deflate: true }, headers: EXTENSION });
      const final = Buffer.concat([zlib.deflateRawSync('final'), Buffer.from([0])]);
      await side.send(Buffer.concat([side.out(TEXT, final, { rsv: RSV1 }), side.out(TEXT, Buffer.from([0]), { rsv: RSV1 })]));
      await side.message(1);
      const results = [result('final and empty', side.messages.map(({ start }) => JSON.stringify(start)).join(' ') || await side.verdict(), '"final" ""')];
      return results.concat(await onOpen(stage, [
        ['bad UTF-8', (out) => [out(TEXT, compress(Buffer.from('c3ff', 'hex')), { rsv: RSV1 })], '1007'],
      ], { settings: { deflate: true }, headers: EXTENSION }));
    },
  },
  {
    row: '8',
    title: 'compressed frames and others behind them in one chunk',
    ids: ['uWebSockets #1650', 'uWebSockets #1931'],
    async play(stage) {
      const side = await stage.open({ settings: { deflate: true }, headers: EXTENSION });
      const texts = ['a'.repeat(3000), 'plain', 'b'.repeat(40000), 'c', ''];
      const frames = texts.map((text) => (text === 'plain' || text === ''
        ? side.out(TEXT, text) : side.out(TEXT, compress(text), { rsv: RSV1 })));
      await side.send(Buffer.concat(frames));
      await side.message(texts.length - 1);
      const got = side.messages.map(({ length, start }) => `${length}${start.slice(0, 1)}`).join(' ');
      return [result('five messages', got, '3000a 5p 40000b 1c 0')];
    },
  },
  {
    row: '19',
    title: 'window bits and parameters out of range, in an offer',
    ids: ['CVE-2026-2229'],
    roles: ['server'],
    async play(stage) {
      const results = [];
      for (const params of [
        'server_max_window_bits=7', 'server_max_window_bits=16', 'server_max_window_bits=1000',
        'server_max_window_bits=8x', 'client_max_window_bits=99', 'server_max_window_bits=1e1', 'server_max_window_bits=-8',
        'server_max_window_bits', 'server_no_context_takeover=1', 'client_max_window_bits=10; client_max_window_bits=11', 'x=1',
      ]) {
        const side = await stage.open({ settings: { deflate: true }, headers: { 'Sec-WebSocket-Extensions': `permessage-deflate; ${params}` } });
        const status = side.response.slice(9, 12);
        const got = status !== '101' ? status : /Sec-WebSocket-Extensions/i.test(side.response) ? 'agreed' : 'declined';
        results.push(result(params, got, 'declined'));
        side.leave();
      }
      return results;
    },
  },
];
