'use strict';

// Applications that write to the socket themselves: their bytes and what the WebSocket sends leave in the order of
// the calls, whatever waits for the end of the turn.

const assert = require('node:assert');
const { Readable } = require('node:stream');

const { it } = require('../support/spec');
const { openServer, openClient } = require('../support/sides');
const { TEXT, frame, masked } = require('../support/frames');

const SIDES = [
  ['server', openServer, frame, masked],
  ['client', openClient, masked, frame]
];

async function texts(peer, count) {
  const found = [];
  while (found.length < count) found.push((await peer.frame()).payload.toString());
  return found;
}

for (const [side, open, raw, fromPeer] of SIDES) {
  it(`${side}: a raw write keeps its place between messages`, async (t) => {
    const { ws, peer } = await open(t);
    ws.send('1');
    ws._stream.write(raw(TEXT, '2'));
    ws.send('3');
    ws.send('4');
    ws._stream.write(raw(TEXT, '5'));
    ws._stream.write(raw(TEXT, '6'));
    ws.send('7');
    assert.deepStrictEqual(await texts(peer, 7), ['1', '2', '3', '4', '5', '6', '7']);
  });

  it(`${side}: so does one in a listener, between the answers to messages that came together`, async (t) => {
    const { ws, peer } = await open(t);
    ws.on('message', ({ data }) => {
      ws.send(`before ${data}`);
      ws._stream.write(raw(TEXT, `raw ${data}`));
      ws.send(`after ${data}`);
    });
    peer.write(Buffer.concat([fromPeer(TEXT, 'a'), fromPeer(TEXT, 'b')]));
    assert.deepStrictEqual(await texts(peer, 6), ['before a', 'raw a', 'after a', 'before b', 'raw b', 'after b']);
  });

  it(`${side}: so does one between long messages, and one while the peer does not read`, async (t) => {
    const { ws, peer } = await open(t);
    peer.socket.pause();
    const long = 'l'.repeat(300000);
    const sent = [];
    for (let i = 0; i < 40; i++) {
      ws.send(`${i} ${long}`);
      ws._stream.write(raw(TEXT, `${i} raw`));
      ws.send(`${i} short`);
      sent.push(`${i} ${long}`, `${i} raw`, `${i} short`);
    }
    peer.socket.resume();
    assert.deepStrictEqual(await texts(peer, sent.length), sent);
  });

  it(`${side}: so does one on a corked socket`, async (t) => {
    const { ws, peer } = await open(t);
    const { _stream: socket } = ws;
    ws.send('1');
    socket.cork();
    ws.send('2');
    socket.write(raw(TEXT, '3'));
    ws.send('4');
    socket.uncork();
    socket.write(raw(TEXT, '5'));
    ws.send('6');
    assert.deepStrictEqual(await texts(peer, 6), ['1', '2', '3', '4', '5', '6']);
  });

  it(`${side}: so do bytes piped into the socket`, async (t) => {
    const { ws, peer } = await open(t);
    const source = new Readable({ read() {} });
    source.pipe(ws._stream, { end: false });
    ws.send('1');
    source.push(raw(TEXT, '2'));
    await new Promise((resolve) => source.once('data', resolve));
    ws.send('3');
    assert.deepStrictEqual(await texts(peer, 3), ['1', '2', '3']);
  });

  it(`${side}: write returns and calls back as the socket's own does`, async (t) => {
    const { ws, peer } = await open(t);
    const { _stream: socket } = ws;
    ws.send('1');
    const written = new Promise((resolve) => {
      assert.strictEqual(socket.write(raw(TEXT, '2').toString('latin1'), 'latin1', resolve), true);
    });
    await written;
    assert.deepStrictEqual(await texts(peer, 2), ['1', '2']);
    assert.ok(!Object.keys(socket).includes('write'));
  });
}
