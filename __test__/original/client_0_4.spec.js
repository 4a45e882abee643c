'use strict';

// The client spec inside the npm tarball of faye-websocket 0.4.4, the last one
// to ship its specs, with this package at both ends. The tarball is a
// development dependency and stays untouched: its spec folder is copied to a
// temporary one, where four things are put right for today:
//
// - `lib` is this package, and the option `{verify: false}` is spelt
//   `{tls: {rejectUnauthorized: false}}`, as it has been since 0.5;
// - the certificate, which expired in 2012, is a fresh one;
// - port 8000 is a free one;
// - `sys.print`, with which its test framework writes, is put back.
//
// The parsers that its other specs test are no part of the package since 0.5.

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFile } = require('node:child_process');

const { it } = require('../support/spec');
const { certificate } = require('../support/certificate');
const { freePort } = require('../support/free_port');
const subject = require('../support/package_under_test');

// Since 0.5 a server that selects none of the offered subprotocols gets its
// connection all the same, as RFC 6455 4.1 has it: two tests must fail.
const CHANGED = ['plain-text', 'secure'].map(
  (kind) => `Client with a ${kind} server cannot open a connection with unacceptable protocols`
);

function write(file, text) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

async function workspace(t) {
  const tarball = path.dirname(require.resolve('faye-websocket-0.4/package.json'));
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'spec-0.4-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));

  fs.cpSync(path.join(tarball, 'spec'), path.join(folder, 'spec'), { recursive: true });
  fs.symlinkSync(path.resolve(__dirname, '../../node_modules'), path.join(folder, 'node_modules'), 'junction');

  const entry = JSON.stringify(subject.dir);
  write(path.join(folder, 'lib/faye/websocket.js'), `module.exports = require(${entry});\n`);
  write(
    path.join(folder, 'lib/faye/websocket/client.js'),
    `const { Client } = require(${entry});
module.exports = function (url, protocols, options) {
  if (options && options.verify === false) options = { tls: { rejectUnauthorized: false } };
  return new Client(url, protocols, options);
};
`
  );
  write(
    path.join(folder, 'print.js'),
    `const print = (...texts) => process.stdout.write(texts.join(''));
for (const name of ['util', 'sys']) {
  const module = require(name);
  if (!module.print) module.print = print;
}
`
  );

  const pair = certificate();
  write(path.join(folder, 'spec/server.key'), pair.key);
  write(path.join(folder, 'spec/server.crt'), pair.cert);

  const spec = path.join(folder, 'spec/faye/websocket/client_spec.js');
  write(spec, fs.readFileSync(spec, 'utf8').replace(/8000/g, await freePort()));
  const runner = path.join(folder, 'spec/runner.js');
  write(runner, fs.readFileSync(runner, 'utf8').replace(/'(Draft75|Draft76|Hybi)ParserSpec',/g, ''));
  return folder;
}

function run(folder) {
  const args = ['--no-deprecation', '-r', './print.js', 'spec/runner.js'];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder, timeout: 60000 }, (error, stdout, stderr) => {
      resolve((stdout + stderr).replace(/\x1b\[\d*m/g, '')); // eslint-disable-line no-control-regex
    });
  });
}

it('passes the client spec of 0.4.4, but for what changed in 0.5', { timeout: 90000 }, async (t) => {
  const output = await run(await workspace(t));
  const counts = /(\d+) tests, (\d+) assertions, (\d+) failures?, (\d+) errors?/.exec(output);
  assert.ok(counts, output.slice(-2000));
  const failing = [...output.matchAll(/^\d+\) (?:Failure|Error):\s*\n(.*?):?$/gm)].map((match) => match[1]);
  assert.deepStrictEqual(failing.sort(), [...CHANGED].sort(), output);
  assert.deepStrictEqual(counts.slice(1).map(Number), [16, 18, 2, 0], output);
});
