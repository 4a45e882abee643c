'use strict';

// Chromium, where there is one.

const fs = require('node:fs');

const chromium = process.env.CHROMIUM || '/usr/bin/chromium';

/** Why there is none, or false. */
const skip = !fs.existsSync(chromium) && `there is no ${chromium}`;

/** @returns {Promise<import('playwright-core').Browser>} */
const launch = () => require('playwright-core').chromium.launch({
  executablePath: chromium,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

module.exports = { launch, skip };
