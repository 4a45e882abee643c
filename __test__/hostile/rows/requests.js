'use strict';

// Request heads that a server gets: of every version, with everything missing, with what takes long to read.

const { TEXT, PONG, masked } = require('../../support/frames');
const { HIXIE76, request, request75, request76 } = require('../../support/handshakes');
const { result, onRequest } = require('./cases');

const EXTENSIONS = 'Sec-WebSocket-Extensions';
const PROTOCOL = 'Sec-WebSocket-Protocol';
const server = ['server'];

module.exports = [
  {
    row: '1',
    title: 'draft-76 keys: zero, not divisible, quotients over 2^32',
    ids: ['websocket-driver 0.8.0 (no id)'],
    roles: server,
    async play(stage) {
      const keys = ['99999999999999999999 9', '4294967296 0 ', `${'9'.repeat(400)} `, '0 0', '1 2 3', ' ', 'x', '12345'];
      const cases = keys.map((key) => [key.slice(0, 12), request76({ 'Sec-WebSocket-Key1': key }) + HIXIE76.body.toString('latin1'), '400']);
      return onRequest(stage, cases);
    },
  },
  {
    row: '2',
    title: 'draft-75 lengths without an end',
    ids: ['CVE-2026-54466', 'CVE-2026-54463'],
    roles: server,
    async play(stage) {
      const results = [];
      for (const [name, bytes] of [
        ['0xFF', Buffer.concat([Buffer.from([0x80]), Buffer.alloc(500, 0xff)])],
        ['0x80, then 0xFF', Buffer.concat([Buffer.from([0x80]), Buffer.alloc(500, 0x80)]).fill(0xff, 100)],
      ]) {
        const side = await stage.open({ request: request75() });
        if (!side.response.startsWith('HTTP/1.1 101')) {
          results.push(result(name, side.response.slice(9, 12), 'closed'));
          continue;
        }
        await side.send(bytes);
        const close = await side.find('close');
        results.push(result(name, stage.subject.death ? `DIED: ${stage.subject.cause}` : close ? close[1] === null ? 'closed' : `${close[1]}` : 'waits', 'closed'));
        side.leave();
      }
      return results;
    },
  },
  {
    row: '2',
    title: 'draft-75: 0xFF inside a binary frame, text behind it',
    roles: server,
    async play(stage) {
      const side = await stage.open({ request: request75() });
      if (!side.response.startsWith('HTTP/1.1 101')) return [result('frames', side.response.slice(9, 12), 'a')];
      await side.send(Buffer.from([0x80, 4, 0xff, 0xff, 0, 0xff, 0x00, 0x61, 0xff]));
      await side.message(0);
      return [result('frames', side.messages.map(({ start }) => start).join(), 'a')];
    },
  },
  {
    row: '18',
    title: 'extension headers made to take long, or named like what every object has',
    ids: ['CVE-2020-7662', 'ws 3.3.1 (2017)'],
    roles: server,
    play: (stage) => onRequest(stage, [
      ['escapes', `a; b="${'\\c'.repeat(7000)}`],
      ['2,500 offers', Array.from({ length: 2500 }, (each, i) => `x${i}`).join(',')],
      ['prototype', 'constructor, __proto__, toString; __proto__=1; hasOwnProperty'],
      ['2,500 parameters', `permessage-deflate${'; a=1'.repeat(2500)}`],
      ['blanks', `${' '.repeat(7000)}a${'\t'.repeat(7000)}`],
      ['no names', `a;${'b;'.repeat(5000)}`],
    ].map(([name, header]) => [name, request({ [EXTENSIONS]: header }), /^(101|400)$/, { deflate: true }])),
  },
  {
    row: '20',
    title: 'subprotocol headers made to take long',
    ids: ['CVE-2021-32640'],
    roles: server,
    play: (stage) => onRequest(stage, [
      ['blanks', `b${' '.repeat(14000)}x`],
      ['blanks between', 'a '.repeat(5000)],
      ['commas', ','.repeat(5000)],
      ['quotes', 'a,,b;"'],
    ].map(([name, header]) => [name, request({ [PROTOCOL]: header }), /^(101|400)$/, { protocols: ['a', 'b'] }])),
  },
  {
    row: '20',
    title: 'keys and versions missing, odd, twice',
    roles: server,
    play: (stage) => onRequest(stage, [
      // The original does not look at the key's form, and a request without a version is a draft's.
      ['a long key', request({ 'Sec-WebSocket-Key': 'x'.repeat(5000) }), '101'],
      ['two keys', request({ 'Sec-WebSocket-Key': ['a', 'b'] }), '101'],
      ['no key', request({ 'Sec-WebSocket-Key': undefined }), '400'],
      ['version 99', request({ 'Sec-WebSocket-Version': '99' }), '400'],
      ['version 13, 8', request({ 'Sec-WebSocket-Version': '13, 8' }), '400'],
      ['version 0x0d', request({ 'Sec-WebSocket-Version': '0x0d' }), '400'],
      ['POST', request({}, { method: 'POST' }), '400'],
      ['HEAD', request({}, { method: 'HEAD' }), '400'],
    ]),
  },
  {
    row: '20',
    title: 'the constructor, called without a look at the request, each header missing',
    ids: ['CVE-2024-37890'],
    roles: server,
    play: (stage) => onRequest(stage, ['Upgrade', 'Connection', 'Sec-WebSocket-Key', 'Sec-WebSocket-Version', 'Host'].flatMap((name) => {
      // Without the version this is a draft's request, or none; Node makes no difference of Host in an upgrade.
      const isNeeded = name === 'Upgrade' || name === 'Connection' || name === 'Sec-WebSocket-Key';
      return [
        [`no ${name}`, request({ [name]: undefined }), isNeeded ? '400' : /^(101|400)$/, { construct: true }],
        [`an empty ${name}`, request({ [name]: '' }), isNeeded && name !== 'Sec-WebSocket-Key' ? '400' : /^(101|400)$/, { construct: true }],
      ];
    })),
  },
  {
    row: '20',
    title: 'a body that has not arrived with the head, or never does',
    ids: ['websocket-driver 0.7.5 on Node.js 26 (no id)'],
    roles: server,
    async play(stage) {
      const results = [];
      // A pong: before Node.js 26 the body of such a request was input of the WebSocket.
      const body = masked(PONG, '');
      for (const [name, headers, bytes] of [
        ['Content-Length', { 'Content-Length': body.length }, body],
        ['chunked', { 'Transfer-Encoding': 'chunked' }, null],
        ['no body', { 'Content-Length': 99999999 }, null],
      ]) {
        const side = await stage.status(request(headers));
        if (side.outcome === '101' && bytes !== null) {
          await side.send(Buffer.concat([bytes, side.out(TEXT, 'behind it')]));
          const isHeard = await side.message(0);
          results.push(result(name, isHeard ? side.messages[0].start : 'silent', 'behind it'));
        } else {
          results.push(result(name, side.outcome, '101'));
        }
        side.leave();
        if (stage.subject.death !== null) break;
      }
      return results;
    },
  },
  {
    row: '20',
    title: 'more headers than Node keeps, so that Upgrade is missing',
    ids: ['CVE-2024-37890', 'CVE-2026-54465'],
    roles: server,
    play: (stage) => onRequest(stage, [
      ['2,001 in front', request().replace('Host', `${'a:1\r\n'.repeat(2001)}Host`), /^(400|431)$/, { construct: true }],
      ['4,000 in front', request().replace('Host', `${':\r\n'.repeat(4000)}Host`), /^(400|431)$/, { construct: true }],
    ]),
  },
  {
    row: '21',
    title: 'odd targets and hosts; a target on another server',
    ids: ['CVE-2026-61666', 'GHSA-c4j6-fc7j-m34r'],
    roles: server,
    async play(stage) {
      const results = [];
      for (const [name, headers, options] of [
        ['Host :::', { Host: ':::' }], ['a long Host', { Host: 'x'.repeat(3000) }], ['Host []', { Host: '[' }],
        ['Host a@b', { Host: 'a@b:99999999' }],
        ['//%%%', {}, { path: '//%%%:99999' }], ['*', {}, { path: '*' }], ['latin1', {}, { path: '/\u00ff\u00fe' }],
        ['another server', {}, { path: 'http://elsewhere.example/admin' }],
      ]) {
        const side = await stage.status(request(headers, options), { protocols: ['a'] });
        // What Node's own parser refuses never gets to us.
        const made = side.outcome === '101' ? await side.find('made') : null;
        results.push(result(name, made ? `url is a ${made[1]}` : side.outcome, /^(url is a string|400)$/));
        side.leave();
        if (stage.subject.death !== null) break;
      }
      return results;
    },
  },
  {
    row: '22',
    title: 'frames in the packet of the request',
    roles: server,
    async play(stage) {
      const side = await stage.open({ extra: ({ out }) => Buffer.concat([out(TEXT, 'first'), out(TEXT, 'second')]) });
      await side.message(1);
      return [result('two messages', side.events.slice(1).map(([type, message]) => (message ? message.start : type)).join(' '), 'open first second')];
    },
  },
  {
    row: '22',
    title: 'a bad frame in the packet of the request, nobody listening',
    ids: ['CVE-2022-21676'],
    roles: server,
    async play(stage) {
      const side = await stage.open({
        settings: { unheard: true }, extra: ({ out }) => Buffer.concat([out(TEXT, 'x', { rsv: 7 }), out(TEXT, 'y')]),
      });
      const alive = await stage.alive();
      side.leave();
      return [result('reserved bits', alive, 'alive')];
    },
  },
  {
    row: '31',
    title: 'half a request, many times',
    roles: server,
    async play(stage) {
      const whole = request();
      for (let cut = 1; cut < whole.length; cut += 7) {
        const side = await stage.connect();
        await stage.write(side.peer, whole.slice(0, cut));
        side.leave();
      }
      return [];
    },
  },
  {
    row: '25',
    title: 'a request head without an end',
    ids: ['CVE-2026-54465', 'CVE-2026-54467', 'CVE-2026-54468'],
    roles: server,
    play: (stage) => onRequest(stage, [
      ['100 KB', request().replace('Host', `${`X-Padding: ${'x'.repeat(1000)}\r\n`.repeat(100)}Host`), /^(400|431)$/],
    ]),
  },
];

