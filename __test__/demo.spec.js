'use strict';

const assert = require('node:assert');
const http = require('node:http');
const { once } = require('node:events');
const { WebSocket: Peer } = require('ws');
const { startDemo } = require('./fixtures/demo_process');
const { SLOW, after, before, describe, it } = require('./support/spec');

describe('the demo of npm start', () => {
  let demo;
  before(async () => { demo = await startDemo(); });
  after(() => demo && demo.stop());

  it('works without a browser: its own client sends and receives', SLOW, async () => {
    await demo.printed(/\[terminal\] joined ws:\/\/127\.0\.0\.1:\d+/);
    await demo.printed(/\[terminal\] hears {2}terminal: Hello from the terminal/);
  });

  it('serves a page that needs nothing from elsewhere', SLOW, async () => {
    const [response] = await once(http.get({ port: demo.port, host: '127.0.0.1', path: '/' }), 'response');
    let page = '';
    for await (const text of response.setEncoding('utf8')) page += text;
    assert.strictEqual(response.statusCode, 200);
    assert.match(response.headers['content-type'], /^text\/html/);
    assert.doesNotMatch(page, /(src|href)="(https?:)?\/\//);
  });

  it('sends another client\'s texts to everyone, and its bytes back', SLOW, async () => {
    const peer = new Peer(`ws://127.0.0.1:${demo.port}/?name=peer`, 'chat');
    const heard = [];
    peer.on('message', (data, binary) => {
      heard.push(binary ? data : JSON.parse(data));
      peer.emit('heard');
    });
    const until = async (wanted) => { while (!heard.some(wanted)) await once(peer, 'heard'); };
    await once(peer, 'open');
    peer.send('grüße 🎉');
    peer.send(Buffer.from([1, 2, 255]));
    await until(({ kind, name, text }) => kind === 'said' && name === 'peer' && text === 'grüße 🎉');
    await until((data) => Buffer.isBuffer(data) && data.equals(Buffer.from([1, 2, 255])));
    await demo.printed(/\[terminal\] hears {2}peer: grüße 🎉/);
    peer.close();
    await once(peer, 'close');
    await demo.printed(/\[terminal\] sees {3}peer left \(1 here\)/);
  });

  it('sends a new client the latest messages', SLOW, async () => {
    const talker = new Peer(`ws://127.0.0.1:${demo.port}/?name=talker`, 'chat');
    await once(talker, 'open');
    for (let i = 1; i <= 25; i++) talker.send(`line ${i}`);
    await demo.printed(/\[terminal\] hears {2}talker: line 25/);
    const newcomer = new Peer(`ws://127.0.0.1:${demo.port}/`, 'chat');
    const [first] = await once(newcomer, 'message');
    const { kind, messages } = JSON.parse(first);
    assert.strictEqual(kind, 'earlier');
    assert.deepStrictEqual(messages.map(({ name, text }) => `${name}: ${text}`),
      Array.from({ length: 20 }, (_, i) => `talker: line ${i + 6}`));
    for (const peer of [talker, newcomer]) peer.terminate();
  });

  it('ends on Ctrl-C, and closes every connection with a reason', SLOW, async () => {
    const peer = new Peer(`ws://127.0.0.1:${demo.port}/`, 'chat');
    await once(peer, 'open');
    const closed = once(peer, 'close');
    assert.strictEqual(await demo.stop(), 0);
    const [code, reason] = await closed;
    assert.strictEqual(code, 1000);
    assert.strictEqual(String(reason), 'The server stops');
    demo = undefined;
  });
});
