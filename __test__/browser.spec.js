'use strict';

const assert = require('node:assert');
const http = require('node:http');
const { once } = require('node:events');
const WebSocket = require('..');
const { startDemo } = require('./fixtures/demo_process');
const { launch, skip } = require('./support/browser');
const { SLOW, after, before, describe, it } = require('./support/spec');

describe('the demo in a browser', { skip }, () => {
  let demo;
  let browser;
  let page;
  before(async () => {
    demo = await startDemo();
    browser = await launch();
    page = await browser.newPage({ viewport: { width: 900, height: 700 } });
    await page.goto(`http://127.0.0.1:${demo.port}/`);
    await page.waitForSelector('#state[data-state=open]');
  });
  after(async () => {
    if (browser) await browser.close();
    if (demo) await demo.stop();
  });

  it('a typed message reaches all clients and the terminal', SLOW, async () => {
    await page.fill('#text', 'Hallo aus dem Browser – 日本語 🎉');
    await page.press('#text', 'Enter');
    await page.waitForSelector('#log li.mine');
    assert.match(await page.textContent('#log li.mine'), /Hallo aus dem Browser – 日本語 🎉/);
    await demo.printed(/\[terminal\] hears {2}browser \w+: Hallo aus dem Browser – 日本語 🎉/);
  });

  it('64 KB of random bytes come back unchanged', SLOW, async () => {
    await page.click('#binary');
    const note = page.locator('#log li.note', { hasText: 'random bytes came back' });
    await note.waitFor();
    assert.match(await note.textContent(), /65536 random bytes came back unchanged/);
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
  });

  it('learns that the server stops', SLOW, async () => {
    assert.strictEqual(await demo.stop(), 0);
    demo = undefined;
    await page.waitForSelector('#state[data-state=closed]');
    assert.match(await page.textContent('#log'), /Connection closed \(1000 The server stops\)/);
  });
});

describe('compression with a browser', { skip }, () => {
  let browser;
  before(async () => { browser = await launch(); });
  after(() => browser && browser.close());

  for (const deflate of [true, { noContextTakeover: true, requestNoContextTakeover: true, threshold: 0 }, { maxWindowBits: 9, requestMaxWindowBits: 9 }]) {
    it(`goes both ways with ${JSON.stringify(deflate)}`, SLOW, async (t) => {
      let bytes = 0;
      const server = http.createServer((request, response) => response.end('<!doctype html>'));
      server.on('upgrade', (request, socket, head) => {
        const ws = new WebSocket(request, socket, head, [], { deflate });
        ws.on('message', ({ data }) => ws.send(data));
        ws.on('close', () => { bytes = socket.bytesWritten; });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const page = await browser.newPage();
      t.after(async () => {
        await page.close();
        server.close();
      });
      await page.goto(`http://127.0.0.1:${server.address().port}/`);
      const { extensions, wrong, sent } = await page.evaluate(() => new Promise((resolve, reject) => {
        const record = (i) => JSON.stringify({ id: i, name: `user ${i}`, tags: ['größer', '日本語', '🎉'], text: 'lorem ipsum '.repeat(i) });
        const messages = Array.from({ length: 60 }, (_, i) => record(i * i));
        const ws = new WebSocket(`ws://${globalThis.location.host}/`);
        const wrong = [];
        let next = 0;
        ws.onerror = () => reject(new Error('the connection failed'));
        ws.onopen = () => messages.forEach((message) => ws.send(message));
        ws.onmessage = ({ data }) => {
          if (data !== messages[next]) wrong.push(next);
          if (++next === messages.length) ws.close(1000);
        };
        ws.onclose = () => resolve({ extensions: ws.extensions, wrong, sent: messages.join('').length });
      }));
      assert.match(extensions, /^permessage-deflate/);
      assert.deepStrictEqual(wrong, []);
      // What came back was compressed.
      assert.ok(bytes > 0 && bytes < sent / 4, `${bytes} bytes for ${sent} characters`);
    });
  }
});
