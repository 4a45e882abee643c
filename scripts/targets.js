'use strict';

// The platforms that binaries are published for, from package.json.

const path = require('node:path');
const { root } = require('./addon');

const ARCHITECTURES = { x86_64: 'x64', aarch64: 'arm64' };
const SYSTEMS = { 'unknown-linux': 'linux', 'apple-darwin': 'darwin', 'pc-windows': 'win32' };

/**
 * @returns {{ triple: string, name: string, package: string, file: string, os: string, cpu: string, libc?: string }[]}
 *   `triple` is rustc's name; `name` ours, for example `linux-x64-gnu`; `file` what the addon is called
 */
function targets() {
  const { napi } = require(path.join(root, 'package.json'));
  return napi.targets.map((triple) => {
    const [, machine, system, abi] = /^([^-]+)-(unknown-linux|apple-darwin|pc-windows)(?:-(.+))?$/.exec(triple);
    const [cpu, os] = [ARCHITECTURES[machine], SYSTEMS[system]];
    const name = [os, cpu, abi].filter(Boolean).join('-');
    return {
      triple, name, package: `@faye-websocket-rs/${name}`, file: `faye-websocket-rs.${name}.node`, os, cpu,
      ...(os === 'linux' && { libc: abi === 'musl' ? 'musl' : 'glibc' }),
    };
  });
}

module.exports = { targets };
