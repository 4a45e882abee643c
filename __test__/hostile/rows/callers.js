'use strict';

// What careless or hostile callers pass on: what a peer's words become in headers, events and reasons.

const { CLOSE, TEXT, BINARY, PING, PONG } = require('../../support/frames');
const { request, field } = require('../../support/handshakes');
const { PATIENCE, within } = require('../stage');
const { result } = require('./cases');

const EVIL = 'a\r\nX-Injected: 1';

/** Whether a Buffer follows its memory when that becomes shorter, as since Node.js 22; before, it is empty then. */
const FOLLOWS_MEMORY = (() => {
  const memory = new ArrayBuffer(2, { maxByteLength: 2 });
  const bytes = Buffer.from(memory);
  memory.resize(1);
  return bytes.length === 1;
})();

/** The frame that a call puts on the wire, in words: what comes before the answer to a ping that is sent after it. */
async function sent(side, call) {
  const answer = await call;
  if (answer.threw) return `throws ${answer.threw}`;
  side.peer.write(side.out(PING, 'behind it'));
  const found = await within(side.peer.frame().catch(() => null), PATIENCE, null);
  if (found === null) return 'nothing';
  const { opcode, payload } = found;
  if (opcode === PONG) return answer.returned === false ? 'refused' : 'nothing';
  // A closing side answers no ping.
  if (opcode !== CLOSE) await within(side.peer.frame().catch(() => null), PATIENCE, null);
  if (opcode === CLOSE) {
    const reason = payload.subarray(2).toString();
    return `close ${payload.readUInt16BE(0)}, ${reason.length > 60 ? `${payload.length} bytes` : JSON.stringify(reason)}`;
  }
  const name = { [TEXT]: 'text', [BINARY]: 'binary', [PING]: 'ping' }[opcode];
  return `${name} ${payload.length > 60 ? `of ${payload.length} bytes` : JSON.stringify(payload.toString())}`;
}

module.exports = [
  {
    row: '28',
    title: 'CR and LF in headers, subprotocols, URLs, a proxy\'s headers',
    ids: ['CVE-2026-1527'],
    roles: ['client'],
    ways: ['whole'],
    async play(stage) {
      const results = [];
      if (!stage._server) await stage.listen();
      const isWs = stage.subject.packageName === 'ws';
      for (const [name, options] of [
        ['a header\'s value', { settings: { headers: { 'X-A': EVIL } } }],
        ['a header\'s name', { settings: { headers: { [EVIL]: 'a' } } }],
        ['a NUL', { settings: { headers: { 'X-A': 'a\0b' } } }],
        ['a subprotocol', { protocols: [EVIL] }],
        ['a URL', { url: `${stage.url}${EVIL}` }],
        ...(isWs ? [] : [['a proxy\'s header', {
          settings: { proxy: { origin: stage.url.replace('ws', 'http'), headers: { 'X-A': EVIL }, tls: { rejectUnauthorized: false } } },
        }]]),
      ]) {
        const side = await within(stage.dialled(options), 5000, { request: 'nothing' });
        const got = side.threw ? 'throws' : field(side.request, 'X-Injected') ? 'INJECTED' : 'cleaned';
        results.push(result(name, got, 'throws'));
        if (side.leave) side.leave();
      }
      return results;
    },
  },
  {
    row: '28',
    title: 'CR and LF in a response\'s headers',
    ids: ['CVE-2026-1527'],
    roles: ['server'],
    ways: ['whole'],
    async play(stage) {
      const results = [];
      for (const [name, headers] of [['a value', { 'X-A': EVIL }], ['a name', { [EVIL]: 'a' }]]) {
        const side = await stage.status(request(), { headers });
        const threw = await side.find('threw', stage.isOurs ? PATIENCE : 300);
        results.push(result(name, threw ? 'throws' : /X-Injected: 1/.test(side.answer) ? 'INJECTED' : side.outcome, 'throws'));
        side.leave();
      }
      return results;
    },
  },
  {
    row: '29',
    title: 'CR and LF in an EventSource\'s event and id; a garbled Last-Event-ID',
    roles: ['server'],
    ways: ['whole'],
    async play(stage) {
      if (stage.subject.packageName === 'ws') return [];
      const side = await stage.connect();
      side.peer.write(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nLast-Event-ID: \xff\xfe\t"\r\n\r\n', 'latin1'));
      await side.peer.head();
      await side.find('made');
      await side.call('send', ['hello', { event: 'a\r\ndata: evil', id: '1\n\ndata: evil' }]);
      const text = await within(side.peer.readUntil('hello').catch(() => ''), PATIENCE, '');
      const got = text === '' ? 'nothing' : /^data: evil/m.test(text) ? 'INJECTED' : 'cleaned';
      return [result('event and id', got, 'cleaned')];
    },
  },
  {
    row: '30',
    title: 'reasons of a close that are no short text',
    ids: ['CVE-2026-45736'],
    ways: ['whole'],
    async play(stage) {
      const results = [];
      for (const [name, expected] of [
        ['float32', 'close 1000, "1.5,2.5"'], ['uint8', 'close 1000, 125 bytes'], ['long text', /^close 1000, 12[45] bytes$/],
        ['a detached ArrayBuffer', 'close 1000, "[object ArrayBuffer]"'], ['hundred', 'close 1000, "100"'],
      ]) {
        const side = await stage.open();
        results.push(result(name, await sent(side, side.call('close', ['close code', name])), expected));
        side.leave();
      }
      return results;
    },
  },
  {
    row: '30',
    title: 'pings with numbers, arrays, too much',
    ids: ['CVE-2016-10518'],
    ways: ['whole'],
    async play(stage) {
      const results = [];
      for (const [name, expected] of [
        ['hundred', 'ping "100"'], ['thousand', 'ping "1000"'], ['no number', 'ping ""'], ['float32', 'ping "1.5,2.5"'],
        ['200 bytes', 'refused'], ['uint8', 'refused'],
      ]) {
        const side = await stage.open();
        results.push(result(name, await sent(side, side.call('ping', [name])), expected));
        side.leave();
      }
      return results;
    },
  },
  {
    row: '30',
    title: 'messages of every type, of memory that is detached, shared, resized',
    ways: ['whole'],
    async play(stage) {
      const side = await stage.open();
      const results = [];
      for (const [name, expected] of [
        ['float32', 'text "1.5,2.5"'], ['a detached ArrayBuffer', 'text "[object ArrayBuffer]"'],
        ['a shared ArrayBuffer', 'text "[object SharedArrayBuffer]"'], ['a detached Buffer', /^(binary ""|throws TypeError)$/],
        ['a shared Buffer', 'binary "ssssssssssssssss"'],
        ['a resizable Buffer', FOLLOWS_MEMORY ? /^(binary "r{16}"|throws TypeError)$/ : /^(binary ""|throws TypeError)$/],
        ['a proxy', 'text ""'], ['a bigint object', 'text "1"'], ['no text', 'throws TypeError'], ['text that throws', 'throws RangeError'],
        ['fine', 'text "fine"'],
      ]) {
        results.push(result(name, await sent(side, side.call('send', [name])), expected));
      }
      return results;
    },
  },
  {
    row: '30',
    title: 'memory overwritten, or given to another thread, once it is sent',
    ways: ['whole'],
    async play(stage) {
      const results = [];
      for (const name of ['200 bytes', '300 KiB']) {
        for (const change of ['overwrite', 'transfer']) {
          const side = await stage.open();
          await side.call('send', [name], change);
          const { payload } = await side.peer.frame();
          results.push(result(`${name}, ${change}`, payload.every((byte) => byte === 0x61) ? 'whole' : 'CHANGED', 'whole'));
          side.leave();
        }
      }
      return results;
    },
  },
];
