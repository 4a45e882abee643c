'use strict';

// The programs in the README are run as they stand there, but for the package's place and the port.

const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { once } = require('node:events');
const { spawn } = require('node:child_process');
const { SLOW, describe, it } = require('./support/spec');
const { freePort } = require('./support/free_port');

const root = path.join(__dirname, '..');
const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');

/** The first JavaScript block below a heading, as a child process. */
function run(t, heading, port) {
  const [, program] = new RegExp(`^## ${heading}$[^]*?^\`\`\`js\n([^]*?)^\`\`\`$`, 'm').exec(readme);
  const child = spawn(process.execPath, ['-e', program
    .replaceAll("'faye-websocket-rs'", JSON.stringify(root))
    .replaceAll('8000', String(port))], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  child.stdout.setEncoding('utf8');
  return child;
}

/** Resolves with the response once the program listens. */
async function get(port) {
  for (;;) {
    const request = http.get({ port, host: 'localhost', headers: { Accept: 'text/event-stream' } });
    const response = await once(request, 'response').then(([value]) => value, () => undefined);
    if (response) return response;
  }
}

describe('the programs in the README', { timeout: 60000 }, () => {
  it('A server and A client: a message goes to and fro', SLOW, async (t) => {
    const port = await freePort();
    const server = run(t, 'A server', port);
    // An http server that only knows upgrades answers nothing else: a connection tells that it listens.
    for (;;) {
      const probe = net.connect(port, 'localhost');
      const open = await once(probe, 'connect').then(() => true, () => false);
      probe.destroy();
      if (open) break;
    }
    const client = run(t, 'A client', port);
    let said = '';
    client.stdout.on('data', (text) => { said += text; });
    const heard = once(server.stdout, 'data');
    const [status] = await once(client, 'close');
    assert.strictEqual(status, 0);
    assert.strictEqual(said, 'Hello\nclosed 1000 \n');
    assert.match(String(await heard), /^closed 1000/);
  });

  it('EventSource: events arrive', SLOW, async (t) => {
    const port = await freePort();
    run(t, 'EventSource', port);
    const response = await get(port);
    assert.strictEqual(response.headers['content-type'], 'text/event-stream');
    let stream = '';
    for await (const text of response.setEncoding('utf8')) {
      stream += text;
      if (/event: tick\r\ndata: \d{4}-\d\d-\d\dT/.test(stream)) break;
    }
    assert.match(stream, /retry: 5000/);
  });
});
