'use strict';

// Generates what a client does to a server under test: an upgrade request, and chunks of bytes after it.
// Nothing is generated on which this package deliberately differs from the original.

const { draftFrames, hybiFrames } = require('./frames');
const { random } = require('./random');

const PAYLOADS = {
  texts: ['', 'a', 'Hello', 'héllo wörld', '日本語テキスト', '🎉 emoji \u0000 nul', '\ufeffbom', 'x'.repeat(125), 'y'.repeat(126),
    'z'.repeat(700), 'é'.repeat(33000)],
  sizes: [0, 1, 5, 125, 126, 127, 300, 65535, 65536],
};

/** Cuts a stream at one of three grains: not at all, at random, or into sevenths (small streams: into bytes). */
function split(r, bytes) {
  const grain = r.int(4);
  if (grain === 0) return [bytes];
  const out = [];
  for (let at = 0; at < bytes.length;) {
    let size = Math.max(1, Math.ceil(bytes.length / 7));
    if (grain === 1) size = 1 + r.int(Math.max(1, Math.min(bytes.length, 4096)));
    if (grain === 2 && bytes.length <= 150) size = 1;
    out.push(bytes.subarray(at, at + size));
    at += size;
  }
  return out.length > 200 ? [...out.slice(0, 200), Buffer.concat(out.slice(200))] : out;
}

// A number below 2^32 times its count of spaces, with noise characters between the digits.
function draft76Key(r, valid) {
  const spaces = 1 + r.int(8);
  const number = valid
    ? spaces * (1 + r.int(400000000 / spaces))
    : spaces * 1000 + 1 + (spaces === 1 ? 0 : r.int(spaces - 1));
  const noise = 'GhIjKlMnOp!"#$%&~';
  let key = '';
  for (const digit of String(number)) key += digit + (r.chance(0.4) ? noise[r.int(noise.length)] : '');
  const at = 1 + r.int(key.length - 1 || 1);
  return `A${key.slice(0, at)}${' '.repeat(spaces)}${key.slice(at)}Z`;
}

function hybiHeaders(r, headers) {
  headers['Sec-WebSocket-Version'] = '13';
  headers['Sec-WebSocket-Key'] = r.pick(['dGhlIHNhbXBsZSBub25jZQ==', '2vBVWg4Qyk3ZoM/5d3QD9Q==', 'short']);
  if (r.chance(0.05)) delete headers['Sec-WebSocket-Key'];
  // 7 and 8 are left out: they are accepted here, a deliberate difference.
  if (r.chance(0.05)) headers['Sec-WebSocket-Version'] = r.pick(['1', '6', '14', 'abc']);
  if (r.chance(0.3)) headers['Sec-WebSocket-Protocol'] = r.pick(['irc', 'amqp', 'xmpp', 'xmpp, irc', 'irc,amqp', 'none']);
  if (r.chance(0.15)) {
    headers['Sec-WebSocket-Extensions'] = r.pick(['x-webkit-deflate-frame', 'permessage-deflate', 'foo; bar=1, baz',
      'foo; bar="quoted \\" text"; bar=2', 'foo ;bar', 'x-webkit- -frame', 'foo;', ',', 'foo; =1', 'foo bar', 'foo; a="open']);
  }
}

/** @returns {object} the case that the seed and the index name */
function serverCase(seed, index) {
  const r = random(seed, index);
  const protocol = r.pick(['hybi', 'hybi', 'hybi', 'hybi', 'hybi', 'draft76', 'draft75']);
  const headers = {
    Host: r.pick(['example.com', 'localhost:8000', '127.0.0.1']),
    Connection: r.pick(['Upgrade', 'Upgrade', 'upgrade', 'keep-alive, Upgrade']),
    Upgrade: r.pick(['websocket', 'WebSocket', 'websocket']),
  };
  if (r.chance(0.7)) headers.Origin = 'http://example.com';
  if (r.chance(0.1)) headers['X-Forwarded-Proto'] = r.pick(['https', 'HTTPS', 'wss', 'http']);
  if (r.chance(0.03)) headers[r.pick(['X-Forwarded-Ssl', 'Https'])] = 'on';
  let stream;
  if (protocol === 'hybi') {
    hybiHeaders(r, headers);
    stream = hybiFrames(r, true, PAYLOADS).map(({ bytes }) => bytes);
  } else if (protocol === 'draft76') {
    headers['Sec-WebSocket-Key1'] = draft76Key(r, r.chance(0.85));
    headers['Sec-WebSocket-Key2'] = draft76Key(r, true);
    if (r.chance(0.06)) delete headers[r.pick(['Sec-WebSocket-Key1', 'Sec-WebSocket-Key2'])];
    stream = [r.bytes(8), ...draftFrames(r, PAYLOADS.texts)];
  } else {
    stream = draftFrames(r, PAYLOADS.texts);
  }
  if (r.chance(0.03)) headers.Connection = 'close';
  if (r.chance(0.03)) headers.Upgrade = 'h2c';
  return {
    index,
    kind: protocol,
    headers,
    method: r.chance(0.02) ? 'POST' : 'GET',
    path: r.pick(['/', '/bayeux', '/a/b?c=d']),
    chunks: split(r, Buffer.concat(stream)),
    headBytes: r.pick([0, 0, 3, 8, 20, Infinity]), // how much of the first chunk arrives as the upgrade's head
    ending: r.chance(0.15) ? 'reset' : 'end', // over TCP: how the peer leaves
    protocols: r.pick([undefined, null, ['irc', 'amqp'], 'amqp, irc', []]),
    options: {
      ...(r.chance(0.1) && { maxLength: r.pick([1, 10, 126, 1000]) }),
      ...(r.chance(0.2) && { headers: r.pick([
        { 'X-Custom': 'yes', 'Set-Cookie': 'a=b' },
        { 'X-Number': 7, 'X-Empty': '', 'X-Skipped': undefined, 'X-List': ['p', 'q'], 'X-Spaces': '  padded  ' },
        { 'X-Same': 'first', 'x-same': 'second', 'Set-Cookie': 'a=b', 'set-cookie': 'c=d', Upgrade: 'custom' },
      ]) }),
      ...(r.chance(0.02) && { verify: true }),
    },
  };
}

module.exports = { PAYLOADS, serverCase, split };
