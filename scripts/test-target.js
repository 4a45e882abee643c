'use strict';

// npm run test:target -- NAME: the short battery on a binary for another platform, which `npm run build:target` has put
// into lib/: linux-arm64-gnu under qemu, win32-x64-msvc under wine, linux-x64-gnu as it is. What Debian needs:
//
//   apt-get install qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross libatomic1-arm64-cross libgcc-s1-arm64-cross
//   apt-get install wine wine64

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { BuildError, root } = require('./addon');
const { faults } = require('./inspect-binary');
const { nodeBinary } = require('./node_binary');
const { targets } = require('./targets');
const { zig } = require('./zig');

const NODE = 20;
const LIMIT = 10 * 60 * 1000; // milliseconds
const work = path.join(root, '.cache', 'targets');

/** A DLL that wine 8 lacks and Rust's standard library asks for random bytes. */
const RANDOM = `
#include <stddef.h>
__declspec(dllimport) unsigned char __stdcall SystemFunction036(void *, unsigned long);
__declspec(dllexport) int __stdcall ProcessPrng(unsigned char *bytes, size_t length) { return SystemFunction036(bytes, (unsigned long)length); }
`;

function underWine() {
  const prefix = path.join(work, 'wine');
  const env = { ...process.env, WINEPREFIX: prefix, WINEDEBUG: '-all', NODE_SKIP_PLATFORM_CHECK: '1' };
  const library = path.join(prefix, 'drive_c', 'windows', 'system32', 'bcryptprimitives.dll');
  if (!fs.existsSync(library)) {
    fs.mkdirSync(prefix, { recursive: true });
    spawnSync('wineboot', ['--init'], { env, stdio: 'ignore', timeout: LIMIT });
    fs.writeFileSync(path.join(work, 'random.c'), RANDOM);
    zig(['cc', '-target', 'x86_64-windows-gnu', '-shared', '-o', library, path.join(work, 'random.c'), '-ladvapi32']);
  }
  return { command: 'wine', args: [nodeBinary(NODE, 'win-x64')], env };
}

/** How a Node.js for the platform is started here. */
function starter({ name, os, cpu }) {
  if (os === process.platform && cpu === process.arch) return { command: process.execPath, args: [], env: process.env };
  if (name === 'linux-arm64-gnu') {
    const env = { ...process.env, QEMU_LD_PREFIX: '/usr/aarch64-linux-gnu' };
    return { command: 'qemu-aarch64-static', args: [nodeBinary(NODE, 'linux-arm64')], env };
  }
  if (name === 'win32-x64-msvc') return underWine();
  throw new BuildError(`Nothing here runs what is made for ${name}.`);
}

function test(name) {
  const target = targets().find((each) => each.name === name);
  if (!target) throw new BuildError(`Which platform? One of ${targets().map((each) => each.name).join(', ')}.`);
  const file = path.join(root, 'lib', target.file);
  if (!fs.existsSync(file)) throw new BuildError(`There is no ${target.file}: npm run build:target -- ${name}`);
  if (target.os === 'linux') {
    const found = faults(file);
    if (found.length > 0) throw new BuildError(`${target.file} ${found.join(', ')}`);
  }
  fs.mkdirSync(work, { recursive: true });
  const { command, args, env } = starter(target);
  // Into a file: under wine a pipe is no standard output.
  const log = path.join(work, `${name}.txt`);
  const output = fs.openSync(log, 'w');
  const { status, error } = spawnSync(command, [...args, path.join('__test__', 'smoke.js')], {
    cwd: root, env: { SMOKE_PATIENCE: '6', ...env }, stdio: ['ignore', output, output], timeout: LIMIT,
  });
  fs.closeSync(output);
  process.stdout.write(fs.readFileSync(log, 'utf8'));
  if (error) throw new BuildError(`${command}: ${error.message}`);
  process.exitCode = status === 0 ? 0 : 1;
}

try {
  test(process.argv[2]);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
