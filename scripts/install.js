'use strict';

// npm runs this where the package is installed as a dependency. Usually the prebuilt binary of the platform
// package is there and nothing happens; otherwise the addon is built from the sources in the tarball.
// It never fails the installation: without a binary, `require` explains what is missing.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { BuildError, buildAddon, platformName, root } = require('./addon');

function loads() {
  try {
    require('../lib/native.js');
    return true;
  } catch {
    return false;
  }
}

function say(text) {
  process.stderr.write(`faye-websocket-rs: ${text}\n`);
}

function installFromSource() {
  const targetDir = fs.mkdtempSync(path.join(os.tmpdir(), 'faye-websocket-rs-'));
  try {
    say(`no prebuilt binary for ${platformName()} is in use; building from source with cargo ...`);
    require(buildAddon({ targetDir }));
    say('built from source.');
  } catch (error) {
    const text = error instanceof BuildError ? error.message : `the addon built here does not load: ${error.message}`;
    say(`${text}\nPlatform: ${platformName()}, Node ${process.version}.`
      + `\nAlternatively add the package faye-websocket-rs-${platformName()}, which carries the binary.`
      + '\nThe installation goes on, but require("faye-websocket-rs") will throw until one of the two is done.');
  } finally {
    fs.rmSync(targetDir, { recursive: true, force: true });
  }
}

// The tests are not in the published tarball: where they are, this is a checkout, whose owner builds on demand.
const isCheckout = fs.existsSync(path.join(root, '__test__'));
const fromSource = Boolean(process.env.npm_config_build_from_source)
  && process.env.npm_config_build_from_source !== 'false';

if (!isCheckout && (fromSource || !loads())) installFromSource();
