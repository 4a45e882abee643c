'use strict';

// Response heads that a client gets, of a server or a proxy.

const { TEXT } = require('../../support/frames');
const { response } = require('../../support/handshakes');
const { PATIENCE, within } = require('../stage');
const { result, onResponse } = require('./cases');

const EXTENSIONS = 'Sec-WebSocket-Extensions';
const client = ['client'];
const padding = `X-Padding: ${'x'.repeat(1000)}\r\n`;

module.exports = [
  {
    row: '19',
    title: 'window bits and parameters out of range, in an answer',
    ids: ['CVE-2026-2229'],
    roles: client,
    play: (stage) => onResponse(stage, [
      'server_max_window_bits=7', 'server_max_window_bits=16', 'server_max_window_bits=1000', 'server_max_window_bits=8x',
      'client_max_window_bits=16', 'client_max_window_bits=7', 'x=1', 'server_no_context_takeover=2',
      'server_max_window_bits=9; server_max_window_bits=10',
    ].map((params) => [
      params, (head) => response(head, { [EXTENSIONS]: `permessage-deflate; ${params}` }), '1002', { settings: { deflate: true } },
    ])),
  },
  {
    row: '22',
    title: 'frames in the packet of the response',
    roles: client,
    async play(stage) {
      const side = await stage.open({ extra: ({ out }) => Buffer.concat([out(TEXT, 'first'), out(TEXT, 'second')]) });
      await side.message(1);
      return [result('two messages', side.events.map(([type, message]) => (message ? message.start : type)).join(' '), 'open first second')];
    },
  },
  {
    row: '22',
    title: 'a bad frame in the packet of the response, nobody listening',
    ids: ['CVE-2022-21676'],
    roles: client,
    async play(stage) {
      const side = await stage.dialled({ settings: { unheard: true } });
      await side.send(Buffer.concat([Buffer.from(response(side.request)), side.out(TEXT, 'x', { rsv: 7 }), side.out(TEXT, 'y')]));
      await within(side.peer.rest(), PATIENCE);
      return [result('reserved bits', await stage.alive(), 'alive')];
    },
  },
  {
    row: '24',
    title: 'a server that never answers',
    roles: client,
    ways: ['whole'],
    async play(stage) {
      const side = await stage.dialled({ settings: { handshakeTimeout: 0.5 } });
      const close = await side.find('close', stage.isOurs ? PATIENCE : 3000);
      return [result('nothing', close ? `${close[1]}` : 'waits', '1006')];
    },
  },
  {
    row: '25',
    title: 'a response without an end',
    ids: ['CVE-2026-54465'],
    roles: client,
    growth: 8,
    async play(stage) {
      const side = await stage.dialled();
      await side.send(response(side.request).replace(/\r\n\r\n$/, '\r\n'));
      let over = false;
      const closed = side.find('close').then((close) => { over = true; return close; });
      for (let i = 0; i < 300 && !over; i++) {
        await side.send(padding);
        await new Promise(setImmediate);
      }
      const close = await closed;
      const text = side.complaint.error;
      const isSaid = !stage.isOurs || text === 'Error during WebSocket handshake: max header size exceeded';
      return [result('300 KB', close ? `${close[1]}${isSaid ? '' : ` for ${text}`}` : 'takes it all', '1002')];
    },
  },
  {
    row: '25',
    title: 'a head of 60 KiB, each byte in a packet of its own',
    ids: ['CVE-2023-43669'],
    roles: client,
    ways: ['whole'],
    async play(stage) {
      const headers = Object.fromEntries(Array.from({ length: stage.bounded ? 30 : 110 }, (_, i) => [`X-${i}`, 'y'.repeat(530)]));
      const side = await stage.dialled();
      const bytes = Buffer.from(response(side.request, headers));
      const start = Date.now();
      for (let at = 0; at < bytes.length && !side.peer.closed; at++) {
        side.peer.write(bytes.subarray(at, at + 1));
        if (at % 16 === 0) await new Promise(setImmediate);
      }
      await Promise.race([side.find('open'), side.find('close')]);
      return [{ ...result('60 KiB', await side.settled(), 'open'), note: `${Date.now() - start} ms` }];
    },
  },
  {
    row: '25',
    title: 'a proxy that answers without an end',
    roles: client,
    ways: ['whole'],
    growth: 8,
    async play(stage) {
      if (stage.subject.packageName === 'ws') return [];
      // Only the way to the server may be secure here; the proxy is spoken to as the path says.
      if (!stage._server) await stage.listen();
      const origin = stage.url.replace('ws', 'http');
      const key = stage.subject.nextKey();
      await stage.subject.ask('dial', { key, url: 'ws://localhost:9/', settings: { proxy: { origin, tls: { rejectUnauthorized: false } } } });
      const peer = await stage.accept();
      await peer.head();
      peer.write('HTTP/1.1 200 OK\r\n');
      let over = false;
      const closed = stage.subject.find(key, ([type]) => type === 'close', PATIENCE).then((close) => { over = true; return close; });
      for (let i = 0; i < 300 && !over; i++) {
        peer.write(padding);
        await new Promise(setImmediate);
      }
      const close = await closed;
      peer.destroy();
      return [result('300 KB', close ? `${close[1]}` : 'takes it all', '1006')];
    },
  },
  {
    row: '26',
    title: 'Connection: keep-alive, Upgrade',
    roles: client,
    play: (stage) => onResponse(stage, [['in the answer', (head) => response(head, { Connection: 'keep-alive, Upgrade' }), 'open']]),
  },
  {
    row: '27',
    title: 'answers to what was not asked',
    roles: client,
    play: (stage) => onResponse(stage, [
      ['a subprotocol', (head) => response(head, { 'Sec-WebSocket-Protocol': 'b' }), '1002', { protocols: ['a'] }],
      ['a subprotocol, none offered', (head) => response(head, { 'Sec-WebSocket-Protocol': 'b' }), '1002'],
      ['an extension', (head) => response(head, { [EXTENSIONS]: 'x-unknown' }), '1002'],
      ['permessage-deflate', (head) => response(head, { [EXTENSIONS]: 'permessage-deflate' }), '1002'],
      ['a bad accept', (head) => response(head, { 'Sec-WebSocket-Accept': 'x' }), '1002'],
      ['no accept', (head) => response(head, { 'Sec-WebSocket-Accept': undefined }), '1002'],
      ['no Upgrade', (head) => response(head, { Upgrade: undefined }), '1002'],
      ['200', (head) => response(head, {}, 'HTTP/1.1 200 OK'), '1002'],
      ['a redirect', (head) => response(head, { Location: 'ws://localhost/' }, 'HTTP/1.1 302 Found'), '1002'],
      ['no HTTP', () => 'SSH-2.0-OpenSSH_9.2\r\n\r\n', '1002'],
      ['a NUL', (head) => response(head, { 'X-A': 'a\0b' }), /^(1002|open)$/],
      ['folded lines', (head) => response(head, { 'X-A': 'a\r\n b' }), /^(1002|open)$/],
      ['names like what every object has', (head) => response(head, { __proto__: undefined, 'constructor': 'x', 'hasOwnProperty': 'y' }), 'open'],
    ]),
  },
];
