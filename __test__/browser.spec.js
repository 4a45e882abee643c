'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const { after, before, describe, it } = require('node:test');
const { startDemo } = require('./fixtures/demo_process');

const chromium = process.env.CHROMIUM || '/usr/bin/chromium';
const skip = !fs.existsSync(chromium) && `there is no ${chromium}`;

describe('the demo in a browser', { skip }, () => {
  let demo;
  let browser;
  let page;
  before(async () => {
    demo = await startDemo();
    browser = await require('playwright-core').chromium.launch({
      executablePath: chromium,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync'],
    });
    page = await browser.newPage({ viewport: { width: 900, height: 700 } });
    await page.goto(`http://127.0.0.1:${demo.port}/`);
    await page.waitForSelector('#state[data-state=open]');
  });
  after(async () => {
    if (browser) await browser.close();
    if (demo) await demo.stop();
  });

  it('a typed message goes round and reaches the terminal', async () => {
    await page.fill('#text', 'Hallo aus dem Browser – 日本語 🎉');
    await page.press('#text', 'Enter');
    await page.waitForSelector('#log li.mine');
    assert.match(await page.textContent('#log li.mine'), /Hallo aus dem Browser – 日本語 🎉/);
    await demo.printed(/\[terminal\] hears {2}browser \w+: Hallo aus dem Browser – 日本語 🎉/);
  });

  it('64 KB of random bytes come back unchanged', async () => {
    await page.click('#binary');
    const note = page.locator('#log li.note', { hasText: 'random bytes came back' });
    await note.waitFor();
    assert.match(await note.textContent(), /65536 random bytes came back unchanged/);
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
  });

  it('learns that the server stops', async () => {
    assert.strictEqual(await demo.stop(), 0);
    demo = undefined;
    await page.waitForSelector('#state[data-state=closed]');
    assert.match(await page.textContent('#log'), /Connection closed \(1000 The server stops\)/);
  });
});
