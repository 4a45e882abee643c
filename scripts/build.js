'use strict';

// npm run build: compiles the addon and puts it into lib/. `--debug` for the edit loop.

const fs = require('node:fs');
const path = require('node:path');
const { BuildError, buildAddon, root } = require('./addon');

try {
  const file = buildAddon({ debug: process.argv.includes('--debug') });
  process.stdout.write(`Built ${path.relative(root, file)} (${(fs.statSync(file).size / 1e6).toFixed(1)} MB).\n`);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`\n${error.message}\n`);
  process.exitCode = 1;
}
