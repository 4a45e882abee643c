'use strict';

// npm version: Cargo.toml and Cargo.lock follow package.json.

const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { root } = require('./addon');
const { version } = require('../package.json');

for (const [name, pattern] of [
  ['Cargo.toml', /(\[package\]\nname = "faye-websocket-rs"\nversion = ")[^"]+/],
  ['Cargo.lock', /(\[\[package\]\]\nname = "faye-websocket-rs"\nversion = ")[^"]+/],
  ['fuzz/Cargo.lock', /(\[\[package\]\]\nname = "faye-websocket-rs"\nversion = ")[^"]+/],
]) {
  const file = path.join(root, name);
  if (!fs.existsSync(file)) continue;
  const text = fs.readFileSync(file, 'utf8');
  if (!pattern.test(text)) throw new Error(`${name} has no version of faye-websocket-rs.`);
  fs.writeFileSync(file, text.replace(pattern, `$1${version}`));
  execFileSync('git', ['add', name], { cwd: root, stdio: 'inherit' });
}
