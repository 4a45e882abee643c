'use strict';

// The JavaScript of the published package as one file: to find, read and compile a module costs Node more than to run it,
// and there are some ninety of them.

const fs = require('node:fs');
const path = require('node:path');

const { buildSync } = require('esbuild');

const NAME = 'all.js';

/** What others find by its path, bundlers the binaries among them, or what is not loaded where a binary is. */
const APART = ['native_binding', 'wasm_binding', 'redis_adapter', 'install', 'wasm'];

/** The modules in a folder, by their paths from `lib` without the extension. */
function modulesIn(lib, folder) {
  return fs.readdirSync(path.join(lib, folder), { recursive: true })
    .filter((file) => file.endsWith('.js'))
    .map((file) => path.posix.join(folder, file.split(path.sep).join('/')).replace(/\.js$/, ''));
}

/**
 * Puts the modules of a package's `lib` into one file. Of those below `lib/faye`, where the original has its files, each
 * path stays; the others are removed.
 *
 * @param {string} folder the package
 */
function joinModules(folder) {
  const lib = path.join(folder, 'lib');
  const entries = modulesIn(lib, 'faye');
  const { metafile } = buildSync({
    absWorkingDir: lib,
    stdin: { contents: entries.map((name) => `exports['${name}'] = () => require('./${name}');`).join('\n'), resolveDir: lib },
    bundle: true,
    external: APART.flatMap((name) => [`./${name}.js`, `./${name}/*`]),
    platform: 'node',
    target: 'node18',
    charset: 'utf8',
    outfile: NAME,
    metafile: true,
  });
  for (const file of Object.keys(metafile.inputs)) if (file !== '<stdin>') fs.rmSync(path.join(lib, file));
  for (const name of entries) {
    const up = path.posix.relative(path.posix.dirname(name), path.posix.basename(NAME, '.js'));
    fs.mkdirSync(path.dirname(path.join(lib, name)), { recursive: true });
    fs.writeFileSync(path.join(lib, `${name}.js`), `'use strict';\n\nmodule.exports = require('${up}')['${name}']();\n`);
  }
  for (const entry of fs.readdirSync(lib, { withFileTypes: true })) {
    const sub = path.join(lib, entry.name);
    if (entry.isDirectory() && fs.readdirSync(sub).length === 0) fs.rmdirSync(sub);
  }
}

module.exports = { joinModules };
