'use strict';

// The programs in the README.

const assert = require('node:assert');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { once } = require('node:events');
const { SLOW, describe, it } = require('./support/spec');
const { Document, listening, root } = require('./support/document');
const { freePort } = require('./support/free_port');

const readme = new Document('README.md');

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
    const server = readme.run(t, 'A server', port);
    // An http server that only knows upgrades answers nothing else: a connection tells that it listens.
    await listening(server, port);
    const client = readme.run(t, 'A client', port);
    const heard = once(server.stdout, 'data');
    const [status] = await once(client, 'close');
    assert.strictEqual(status, 0);
    assert.strictEqual(client.said, 'Hello\nclosed 1000 \n');
    assert.match(String(await heard), /^closed 1000/);
  });

  it('EventSource: events arrive', SLOW, async (t) => {
    const port = await freePort();
    readme.run(t, 'EventSource', port);
    const response = await get(port);
    assert.strictEqual(response.headers['content-type'], 'text/event-stream');
    let stream = '';
    for await (const text of response.setEncoding('utf8')) {
      stream += text;
      if (/event: tick\r\ndata: \d{4}-\d\d-\d\dT/.test(stream)) break;
    }
    assert.match(stream, /retry: 5000/);
  });

  it('are all run', () => assert.deepStrictEqual(readme.unrun, []));

  it('TypeScript: the program compiles in each module mode', () => {
    const compiled = fs.readFileSync(path.join(root, '__test__', 'types', 'documented.ts'), 'utf8');
    const shown = readme.blocks.filter(({ language }) => language === 'ts');
    assert.strictEqual(shown.length, 1);
    const [imports, ...lines] = shown[0].text.trimEnd().split('\n').filter(Boolean);
    assert.ok(compiled.includes(imports));
    assert.ok(compiled.includes(lines.join('\n')));
  });
});
