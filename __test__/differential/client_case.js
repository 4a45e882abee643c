'use strict';

// Generates what a server does to a client under test: an answer to the opening handshake, right or wrong in
// every way, and chunks of frames after it. `{accept}` in the answer stands for the right Sec-WebSocket-Accept.
// Nothing is generated on which this package deliberately differs from the original.

const { hybiFrames } = require('./frames');
const { random } = require('./random');
const { split } = require('./server_case');

// Payloads over ECHO_UP_TO are not echoed: when `send` reports congestion depends on the machine's moods.
const ECHO_UP_TO = 8000;
const PAYLOADS = {
  texts: ['', 'a', 'Hello', 'héllo wörld', '日本語テキスト', '🎉 emoji \u0000 nul', '\ufeffbom', 'x'.repeat(125), 'y'.repeat(126),
    'z'.repeat(700), 'é'.repeat(33000)],
  sizes: [0, 1, 5, 125, 126, 127, 300, 65535, 65536],
};
const SMALL = { texts: PAYLOADS.texts.slice(0, -1), sizes: PAYLOADS.sizes.slice(0, -2) };

const STATUS_LINES = ['HTTP/1.1 101', 'HTTP/1.1 101 ', 'HTTP/1.0 101 Switching Protocols', 'HTTP/1.1 101 Web Socket  Protocol',
  'HTTP/1.1 200 OK', 'HTTP/1.1 404 Not Found', 'HTTP/1.1 301 Moved Permanently', 'HTTP/1.1 401 Unauthorized',
  'HTTP/1.1 500 Internal Server Error', 'HTTP/1.1 1011 Too long', 'HTTP/1.1 10', 'HTTP/2 101 Switching Protocols', 'http/1.1 101 x',
  'ICY 200 OK', 'GET / HTTP/1.1', 'HTTP/1.1  101 Two spaces', ' HTTP/1.1 101 Leading space', '\r\n\r\nHTTP/1.1 101 After blank lines'];

const EXTRA_HEADERS = ['Set-Cookie: a=1', 'Set-Cookie: b=2; Path=/', 'Server: peer', 'X-Empty:', 'X-Padded:   both sides   ',
  'X-Tab:\tafter a tab', 'X-Folded: one\r\n two', 'X-Folded-Tab: one\r\n\ttwo', 'no colon here', ': no name', 'x-a: 1', 'X-A: 2',
  'X-Colons: a:b:c', 'Transfer-Encoding: chunked', 'Date: Mon, 23 Nov 2026 10:00:00 GMT', 'X-Long: ' + 'v'.repeat(3000),
  'constructor: c', 'hasOwnProperty: h'];

function headerLines(r, wrong, offered) {
  // Of `Connection` only values that hold no list: a list with `upgrade` in it is accepted here (a deliberate difference).
  const upgrade = wrong === 'upgrade' ? r.pick(['Upgrade: h2c', 'Upgrade:', undefined, 'Upgrade: websocket, h2c'])
    : r.pick(['Upgrade: websocket', 'Upgrade: WebSocket', 'upgrade: WEBSOCKET', 'UPGRADE:websocket']);
  const connection = wrong === 'connection' ? r.pick(['Connection: close', 'Connection:', undefined, 'Connection: keep-alive'])
    : r.pick(['Connection: Upgrade', 'connection: upgrade', 'Connection:UPGRADE']);
  const accept = wrong === 'accept' ? r.pick(['Sec-WebSocket-Accept: wrong', 'Sec-WebSocket-Accept:', undefined,
    'Sec-WebSocket-Accept: {accept}x', 'Sec-WebSocket-Accept: {ACCEPT}', 'Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Accept: {accept}'])
    : r.pick(['Sec-WebSocket-Accept: {accept}', 'sec-websocket-accept:   {accept}  ']);
  const lines = [upgrade, connection, accept];
  if (wrong === 'protocol') lines.push(`Sec-WebSocket-Protocol: ${r.pick(['xmpp', 'IRC', 'irc, amqp', 'none'])}`);
  else if (r.chance(0.5)) lines.push(`Sec-WebSocket-Protocol: ${r.pick(offered)}`);
  if (wrong === 'extension') {
    lines.push(`Sec-WebSocket-Extensions: ${r.pick(['permessage-deflate', 'foo; bar=1', 'x-webkit- -frame', 'a;;b', 'a, b; c="d"', ','])}`);
  } else if (r.chance(0.05)) lines.push('Sec-WebSocket-Extensions:');
  for (let more = r.int(4); more > 0; more--) lines.push(r.pick(EXTRA_HEADERS));
  return r.shuffled(lines.filter((line) => line !== undefined));
}

function answer(r, protocols) {
  const wrong = r.chance(0.35) ? r.pick(['status', 'status', 'upgrade', 'connection', 'accept', 'protocol', 'extension', 'line']) : undefined;
  const eol = r.chance(0.1) ? '\n' : '\r\n';
  const status = wrong === 'status' ? r.pick(STATUS_LINES) : 'HTTP/1.1 101 Switching Protocols';
  const lines = headerLines(r, wrong, protocols && protocols.length ? ['irc', ''] : ['']);
  if (wrong === 'line') lines.splice(r.int(lines.length + 1), 0, r.pick(['X-Bad: a\rb', '\rX-Bad: c', 'X-Bad: d\r\r']));
  const text = [status, ...lines, '', ''].join('\r\n');
  return { text: eol === '\n' ? text.replaceAll('\r\n', '\n') : text, wrong };
}

// Everything up to the first fatal piece may be cut anywhere; that piece and a little after it leave together, so
// that no bytes are in flight when the client closes (a reset could overtake what the client wrote).
function frameChunks(r, frames) {
  const end = frames.findIndex(({ fatal }) => fatal);
  if (end === -1) return split(r, Buffer.concat(frames.map(({ bytes }) => bytes)));
  const before = Buffer.concat(frames.slice(0, end).map(({ bytes }) => bytes));
  const last = Buffer.concat(frames.slice(end, end + 2).map(({ bytes }) => bytes));
  return [...(before.length ? split(r, before) : []), last];
}

const EARLY = [['send', 'early'], ['send', Buffer.from([1, 2, 3])], ['send', 42], ['ping', 'e'], ['ping'], ['ping', 'cb', true],
  ['write', 'written'], ['send', 'q'.repeat(300)]];

/** @returns {object} the case that the seed and the index name */
function clientCase(seed, index) {
  const r = random(seed ^ 0x5f3759df, index);
  const kind = r.pick(['frames', 'frames', 'frames', 'frames', 'frames', 'frames', 'frames', 'frames', 'frames', 'answer', 'answer', 'answer', 'broken']);
  const limited = r.chance(0.1);
  const test = {
    index,
    kind,
    path: r.pick(['', '/', '/a/b?c=d', '/?q', '/sp%20ace', '#fragment', '/x?y#z']),
    credentials: r.chance(0.1) ? 'user:pass@' : '', // with nothing in them that would be percent-encoded
    protocols: r.pick([undefined, null, ['irc', 'amqp'], 'amqp, irc', [], ['irc']]),
    options: {
      ...(limited && { maxLength: r.pick([1, 10, 126, 1000]) }),
      ...(r.chance(0.25) && { headers: r.pick([
        { Origin: 'http://example.com', 'X-Custom': 'yes' },
        { 'X-Number': 7, 'X-Empty': '', 'X-Skipped': undefined, 'X-List': ['p', 'q'], 'X-Spaces': '  padded  ' },
        { Host: 'overridden', 'X-Same': 'first', 'x-same': 'second', 'Set-Cookie': 'a=b', 'set-cookie': 'c=d' },
      ]) }),
    },
    early: r.chance(0.3) ? [r.pick(EARLY), r.pick(EARLY), r.pick(EARLY)].slice(r.int(3)) : [],
    chunks: [],
    ending: r.chance(0.1) ? 'reset' : 'end',
  };
  if (kind === 'broken') return breakOff(r, test);

  const { text, wrong } = answer(r, test.protocols);
  const head = Buffer.from(text, 'latin1');
  if (kind === 'answer' || wrong) {
    const body = r.chance(0.3) ? Buffer.from(r.pick(['Not here', '<html></html>', 'x'.repeat(500)])) : Buffer.alloc(0);
    // A refusal is complete with its last header line: what follows leaves together with it.
    const cut = r.int(head.length - 4);
    test.chunks = r.chance(0.5) ? [head.subarray(0, cut), Buffer.concat([head.subarray(cut), body])] : [Buffer.concat([head, body])];
    test.ending = 'end';
    return test;
  }
  const frames = hybiFrames(r, false, limited ? SMALL : PAYLOADS);
  test.chunks = limited ? [Buffer.concat(frames.map(({ bytes }) => bytes))] : frameChunks(r, frames);
  const glued = r.chance(0.3);
  if (glued) test.chunks = [Buffer.concat([head, test.chunks[0]]), ...test.chunks.slice(1)];
  else if (r.chance(0.1)) test.chunks = [...Array.from(head, (byte) => Buffer.from([byte])), ...test.chunks];
  else {
    const cut = 1 + r.int(head.length - 1);
    test.chunks = [...(r.chance(0.5) ? [head] : [head.subarray(0, cut), head.subarray(cut)]), ...test.chunks];
  }
  if (limited || frames.some(({ fatal }) => fatal)) test.ending = 'end';
  return test;
}

// Connections that never come to a whole answer, and calls that throw.
function breakOff(r, test) {
  const how = r.pick(['refused', 'silent', 'partial', 'garbage', 'huge', 'close-at-once', 'throws', 'throws']);
  test.kind = how;
  if (how === 'partial') test.chunks = [Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso')];
  if (how === 'garbage') test.chunks = [r.pick([r.bytes(1 + r.int(60)), Buffer.from('+OK POP3 ready\r\n'), Buffer.from('\x15\x03\x01\x00\x02\x02\x46')])];
  if (how === 'huge') {
    const line = `X-Filler: ${'f'.repeat(8000)}\r\n`;
    test.chunks = [Buffer.from('HTTP/1.1 101 Switching Protocols\r\n'), ...Array.from({ length: 14 }, () => Buffer.from(line))];
  }
  if (how === 'close-at-once') test.closing = r.pick([[], [3000, 'changed my mind'], [1000]]);
  if (how === 'throws') {
    const wrong = r.int(4);
    if (wrong === 0) test.url = r.pick(['http://127.0.0.1/', 'nonsense', '', 'wsx://127.0.0.1/', 'ws:', '/path']);
    else if (wrong === 1) test.options.verify = false;
    else if (wrong === 2) test.options.extensions = r.pick([[{}], { name: 'x', type: 'other' }, { name: 'x', type: 'permessage' }]);
    else test.closing = [r.pick([999, 1001, 2999, 5000, 0])];
  }
  if (how === 'silent' || how === 'partial') test.ending = r.pick(['end', 'reset']);
  return test;
}

module.exports = { ECHO_UP_TO, clientCase };
