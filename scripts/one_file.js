'use strict';

// The JavaScript of the published package as one file: to find, read and compile a module costs Node more than to run it,
// and there are some ninety of them.

const fs = require('node:fs');
const path = require('node:path');

const NAME = 'all.js';
const REQUIRE = /\brequire\('(\.[^']*)'\)/g;

/** What others find by its path, bundlers the binaries among them, or what is not loaded where a binary is. */
const APART = /^(native_binding|wasm_binding|redis_adapter|wasm|install)\b/;

/** A module's name, as in `driver/session`, from the file and what that requires. */
function nameOf(lib, from, request) {
  const file = path.relative(lib, path.resolve(lib, path.dirname(from), request)).split(path.sep).join('/');
  return file.replace(/\.js$/, '');
}

/**
 * What a module requires, itself last: each comes behind those it needs.
 *
 * @param {string} lib the folder
 * @param {string} name
 * @param {Map<string, string>} sources by name, filled
 */
function collect(lib, name, sources) {
  if (sources.has(name)) return;
  sources.set(name, '');
  const source = fs.readFileSync(path.join(lib, `${name}.js`), 'utf8');
  if (!source.startsWith("'use strict';\n")) throw new Error(`${name}.js is not in strict mode`);
  const text = source.replace("'use strict';\n", '').replace(REQUIRE, (whole, request) => {
    const wanted = nameOf(lib, name, request);
    if (APART.test(wanted)) return `require('./${wanted}')`;
    collect(lib, wanted, sources);
    return `load('${wanted}')`;
  });
  sources.delete(name);
  sources.set(name, text);
}

/**
 * Puts the modules of a package's `lib` into one file. Of those below `lib/faye`, where the original has its files, each
 * path stays; the others are removed.
 *
 * @param {string} folder the package
 */
function joinModules(folder) {
  const lib = path.join(folder, 'lib');
  const sources = new Map();
  collect(lib, 'faye/websocket', sources);
  const modules = [...sources].map(([name, text]) => `// lib/${name}.js\nsources['${name}'] = (function (module) {${text}});\n`);
  const inFaye = [...sources.keys()].filter((name) => name.startsWith('faye/'));
  for (const name of sources.keys()) fs.rmSync(path.join(lib, `${name}.js`));
  fs.writeFileSync(path.join(lib, NAME), `'use strict';

// The modules of the repository's lib/, as they are there, in one file: Node loads one quicker than all of them.

const sources = {};
const loaded = {};

/** As Node's \`require\`: once, half of a module in a circle, and anew after it has thrown. */
function load(name) {
  if (loaded[name] !== undefined) return loaded[name].exports;
  const module = loaded[name] = { exports: {} };
  try {
    sources[name](module);
  } catch (error) {
    delete loaded[name];
    throw error;
  }
  return module.exports;
}

${modules.join('\n')}
module.exports = load;
`);
  for (const name of inFaye) {
    const up = path.posix.relative(path.posix.dirname(name), NAME.replace('.js', ''));
    fs.writeFileSync(path.join(lib, `${name}.js`), `'use strict';\n\nmodule.exports = require('${up}')('${name}');\n`);
  }
  for (const entry of fs.readdirSync(lib, { withFileTypes: true })) {
    const sub = path.join(lib, entry.name);
    if (entry.isDirectory() && fs.readdirSync(sub).length === 0) fs.rmdirSync(sub);
  }
}

module.exports = { joinModules };
