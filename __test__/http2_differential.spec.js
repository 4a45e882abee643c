'use strict';

// The cases of the differential test over HTTP/2: what can be seen of a WebSocket, and what it writes, is the same as
// over HTTP/1.1.

const assert = require('node:assert');
const http2 = require('node:http2');
const { once } = require('node:events');

const { SLOW, it } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { observe } = require('./differential/observe');
const { playTcp } = require('./differential/play_tcp');
const { serverCase } = require('./differential/server_case');
const { turns, until } = require('./differential/settle');

const CASES = Number(process.env.FAYE_WEBSOCKET_HTTP2_CASES) || 300;

/** Cases whose handshake is a matter of HTTP/1.1, and those that a client of Node's cannot play, are others' to judge. */
function isPlayable({ kind, headers, method, ending, options }) {
  return kind === 'hybi' && method === 'GET' && ending === 'end' && headers.Connection !== 'close' && /^websocket$/i.test(headers.Upgrade) &&
    headers['Sec-WebSocket-Version'] === '13' && 'Sec-WebSocket-Key' in headers && !options.verify;
}

/** Headers of HTTP/1.1 as a request over HTTP/2 has them. */
function fieldsOf({ headers, path }) {
  const fields = { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': path, ':authority': headers.Host };
  for (const name in headers) {
    if (!['Host', 'Connection', 'Upgrade', 'Sec-WebSocket-Key'].includes(name)) fields[name.toLowerCase()] = headers[name];
  }
  return fields;
}

async function playHttp2(test) {
  const log = [];
  const received = [];
  let stream;
  let read = 0;
  const server = http2.createServer({ settings: { enableConnectProtocol: true } }).listen(0, '127.0.0.1');
  server.on('stream', (own, headers) => {
    stream = own;
    try {
      const ws = new WebSocket({ headers }, own, null, test.protocols, test.options);
      observe(ws, log);
      own.prependListener('data', (chunk) => { read += chunk.length; });
    } catch (error) {
      log.push(`threw ${error.message}`);
      own.destroy();
    }
  });
  await once(server, 'listening');
  const session = http2.connect(`http://127.0.0.1:${server.address().port}`);
  session.on('error', () => {});
  await once(session, 'remoteSettings');
  const peer = session.request(fieldsOf(test), { endStream: false });
  let left = false;
  peer.on('error', () => {});
  peer.on('data', (chunk) => received.push(chunk));
  peer.once('close', () => { left = true; });
  // A peer that is told of the end ends as well, as playTcp's does.
  peer.once('end', () => peer.end());
  await until(() => stream || left);
  await turns(3);
  let sent = 0;
  for (const chunk of test.chunks) {
    if (left || stream.destroyed || !stream.readable || !chunk.length) continue;
    peer.write(chunk);
    sent += chunk.length;
    await until(() => left || stream.destroyed || read >= sent || stream.writableEnded);
    await turns(2);
  }
  peer.end();
  if (!await until(() => left && stream.closed)) log.push('stuck: the stream never closed');
  await turns(2);
  session.destroy();
  server.close();
  return { log, wrote: Buffer.concat(received).toString('latin1') };
}

/** Whether a stream is congested differs; what was refused shows in what was written. */
const comparable = (log) => log.filter((line) => !/^(new|final|wrote) /.test(line)).map((line) => line.replace(/-> (true|false)/, '->'));

it(`${CASES} generated cases show the same over HTTP/2 as over HTTP/1.1`, SLOW, async () => {
  let played = 0;
  let seen = 0;
  const found = [];
  for (let index = 0; played < CASES; index++) {
    const test = serverCase(11, index);
    if (!isPlayable(test)) continue;
    played++;
    const lines = await playTcp(WebSocket, test);
    const { log, wrote } = await playHttp2(test);
    seen += comparable(lines).length;
    const [, frames] = /^wrote [^]*?\r\n\r\n([^]*)$/.exec(lines.at(-1)) || [null, ''];
    try {
      assert.deepStrictEqual(comparable(log), comparable(lines));
      // A refusal's body is what HTTP/1.1 has behind its head.
      assert.strictEqual(wrote, frames);
    } catch (error) {
      found.push(`case ${index}: ${error.message}`);
    }
  }
  assert.ok(seen > 5 * CASES, `only ${seen} lines were seen`);
  assert.ok(found.length === 0, `${found.length} of ${played} differ, the first ones:\n${found.slice(0, 3).join('\n')}`);
});
