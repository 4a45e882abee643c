'use strict';

// examples/http2 with a browser, whose page, WebSocket and event stream share one session, and with clients of both
// versions of HTTP.

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');

const { SLOW, after, before, describe, it } = require('./support/spec');
const { WebSocket } = require('./support/package_under_test');
const { certificate } = require('./support/certificate');
const { says } = require('./support/document');
const { connect, request } = require('./support/http2_sides');
const { masked, TEXT } = require('./support/frames');

const chromium = process.env.CHROMIUM || '/usr/bin/chromium';
const EXAMPLE = path.join(__dirname, '..', 'examples', 'http2', 'server.js');

describe('examples/http2', () => {
  let folder;
  let child;
  let port;
  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'http2-'));
    const { key, cert } = certificate();
    fs.writeFileSync(path.join(folder, 'key.pem'), key);
    fs.writeFileSync(path.join(folder, 'cert.pem'), cert);
    child = spawn(process.execPath, [EXAMPLE, 'key.pem', 'cert.pem', '0'], { cwd: folder });
    child.said = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { child.said += text; });
    [, port] = await says(child, /https:\/\/localhost:(\d+)\//);
  });
  after(async () => {
    if (child.exitCode === null) {
      child.kill();
      await once(child, 'close');
    }
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('a browser has page, WebSocket and event stream on one session', { ...SLOW, skip: !fs.existsSync(chromium) && `there is no ${chromium}` }, async (t) => {
    const browser = await require('playwright-core').chromium.launch({
      executablePath: chromium,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--ignore-certificate-errors'],
    });
    t.after(() => browser.close());
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    await page.goto(`https://localhost:${port}/`);
    await page.waitForFunction(() => globalThis.document.querySelectorAll('#log li').length === 2);
    const [, session] = await says(child, /page: HTTP\/2, session (\d+)/);
    assert.deepStrictEqual((await page.locator('#log li').allTextContents()).sort(), [
      `HTTP/2, session ${session}: Hello over HTTP/2`, `HTTP/2, session ${session}: an event`,
    ]);
    await says(child, new RegExp(`WebSocket: HTTP/2, session ${session}\n`));
    assert.match(await page.textContent('#state'), /^open, subprotocol echo, extensions permessage-deflate/);
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });

    await page.evaluate(() => globalThis.eval('ws').send('bye'));
    await page.waitForFunction(() => globalThis.document.querySelector('#state').textContent.startsWith('closed'));
    assert.strictEqual(await page.textContent('#state'), 'closed 1000 bye cleanly');
    await says(child, /closed: 1000/);
  });

  it('clients of HTTP/1.1 and HTTP/2 are answered on the same port', SLOW, async (t) => {
    const ws = new WebSocket.Client(`wss://localhost:${port}/chat`, ['echo'], { tls: { rejectUnauthorized: false } });
    ws.send('Hi');
    const [{ data }] = await once(ws, 'message');
    assert.strictEqual(data, 'HTTP/1.1: Hi');
    ws.close();
    await once(ws, 'close');

    const { peer, headers } = await request(await connect(t, port, { secure: true }), { 'sec-websocket-protocol': 'echo' });
    assert.strictEqual(headers['sec-websocket-protocol'], 'echo');
    peer.write(masked(TEXT, 'Hi'));
    assert.match((await peer.frame()).payload.toString(), /^HTTP\/2, session \d+: Hi$/);
  });
});
