'use strict';

// Which package the specs speak of: this one, or any folder holding a
// compatible package, named by FAYE_WEBSOCKET_UNDER_TEST. Running the same
// specs against the original is how we know that they describe it.

const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '../..');
const dir = fs.realpathSync(path.resolve(process.env.FAYE_WEBSOCKET_UNDER_TEST || root));
const manifest = JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8'));

// The original is pure JavaScript on top of websocket-driver.
const isOriginal = Boolean(manifest.dependencies && manifest.dependencies['websocket-driver']);

module.exports = {
  dir,
  isOriginal,
  manifest,
  WebSocket: require(dir)
};
