'use strict';

// npm run build:target -- NAME: the release binary for a platform that this machine is not, or for Linux systems older
// than this one, into lib/. cargo-zigbuild links it, and what comes out is looked at by ./inspect-binary.js.

const fs = require('node:fs');
const path = require('node:path');
const { BuildError, root } = require('./addon');
const { faults } = require('./inspect-binary');
const { targets } = require('./targets');
const { toolchain } = require('./toolchain');
const { provideTools, run, tools } = require('./zig');

/** The oldest glibc that a binary is for. */
const GLIBC = '2.28';

/** Files that zig's Windows linker is told to look for and that nothing is taken from: Node is found when the addon runs. */
function emptyLibraries(folder) {
  fs.mkdirSync(folder, { recursive: true });
  for (const name of ['libnode.dll', 'libnode.a', 'libnode.dll.a', 'libssp_nonshared.a']) {
    fs.writeFileSync(path.join(folder, name), name.endsWith('.a') ? '!<arch>\n' : '');
  }
  return folder;
}

function build(name) {
  const target = targets().find((each) => each.name === name);
  if (!target) throw new BuildError(`Which platform? One of ${targets().map((each) => each.name).join(', ')}.`);
  provideTools();
  // zig brings the libraries of MinGW, not those of Visual Studio.
  const triple = target.os === 'win32' ? target.triple.replace(/-msvc$/, target.cpu === 'arm64' ? '-gnullvm' : '-gnu') : target.triple;
  const { cargo, args, env } = toolchain(triple, 'unwind');
  const more = {
    PYTHONPATH: tools, PATH: [path.join(tools, 'bin'), env.PATH].join(path.delimiter), CARGO: cargo,
    // By its path: the module of Python's that starts it costs more than compiling one of OpenSSL's files.
    CARGO_ZIGBUILD_ZIG_PATH: path.join(tools, 'ziglang', process.platform === 'win32' ? 'zig.exe' : 'zig'),
  };
  if (target.os === 'win32') {
    const folder = emptyLibraries(path.join(root, 'target', 'empty'));
    more.LIBNODE_PATH = folder;
    more.RUSTFLAGS = `-L native=${folder}`;
  }
  run(path.join(tools, 'bin', 'cargo-zigbuild'), [
    'zigbuild', '--release', '--locked', '--lib', ...(target.os === 'win32' ? [] : ['--features', 'vendored-openssl']),
    '--target', target.libc === 'glibc' ? `${triple}.${GLIBC}` : triple, ...args,
  ], { ...env, ...more });
  const folder = path.join(root, 'target', triple, 'release');
  const library = ['libfaye_websocket_rs.so', 'libfaye_websocket_rs.dylib', 'faye_websocket_rs.dll'].map((file) => path.join(folder, file)).find(fs.existsSync);
  const to = path.join(root, 'lib', target.file);
  fs.copyFileSync(library, `${to}.${process.pid}`);
  fs.renameSync(`${to}.${process.pid}`, to);
  const found = target.os === 'linux' ? faults(to) : [];
  if (found.length > 0) throw new BuildError(`${target.file} may not be published: it ${found.join(', ')}.`);
  process.stdout.write(`Built ${path.relative(root, to)} (${(fs.statSync(to).size / 1e6).toFixed(1)} MB).\n`);
}

try {
  build(process.argv[2]);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
