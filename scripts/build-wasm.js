'use strict';

// npm run build:wasm: compiles the core to WebAssembly and puts it into lib/wasm/.

const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { BuildError, root } = require('./addon');
const { buildWasm, files } = require('./wasm');

try {
  buildWasm();
  const bytes = fs.readFileSync(files[0]);
  const kilobytes = (length) => `${(length / 1000).toFixed(0)} kB`;
  process.stdout.write(`Built ${path.relative(root, files[0])} (${kilobytes(bytes.length)}, compressed ${kilobytes(zlib.gzipSync(bytes).length)}).\n`);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
