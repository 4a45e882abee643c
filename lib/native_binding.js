'use strict';

/**
 * Loads the addon: the file that was built here if there is one, otherwise that of the platform's package.
 *
 * Every `require` names its file and stands in a `try`, so that bundlers find the binaries and do not mind those that
 * are not installed. Which C library a Linux system has is found by trying: the binary for the other one does not load.
 */
const path = require('path');

/**
 * By platform and architecture.
 *
 * @type {Record<string, (failed: (error: unknown) => void) => typeof import('./native') | undefined>}
 */
const loaders = {
  'linux-x64'(failed) {
    try { return require('./faye-websocket-rs.linux-x64-gnu.node'); } catch (error) { failed(error); }
    try { return require('@faye-websocket-rs/linux-x64-gnu'); } catch (error) { failed(error); }
    try { return require('./faye-websocket-rs.linux-x64-musl.node'); } catch (error) { failed(error); }
    try { return require('@faye-websocket-rs/linux-x64-musl'); } catch (error) { failed(error); }
  },
  'linux-arm64'(failed) {
    try { return require('./faye-websocket-rs.linux-arm64-gnu.node'); } catch (error) { failed(error); }
    try { return require('@faye-websocket-rs/linux-arm64-gnu'); } catch (error) { failed(error); }
    try { return require('./faye-websocket-rs.linux-arm64-musl.node'); } catch (error) { failed(error); }
    try { return require('@faye-websocket-rs/linux-arm64-musl'); } catch (error) { failed(error); }
  },
  'darwin-x64'(failed) {
    try { return require('./faye-websocket-rs.darwin-x64.node'); } catch (error) { failed(error); }
    try { return require('@faye-websocket-rs/darwin-x64'); } catch (error) { failed(error); }
  },
  'darwin-arm64'(failed) {
    try { return require('./faye-websocket-rs.darwin-arm64.node'); } catch (error) { failed(error); }
    try { return require('@faye-websocket-rs/darwin-arm64'); } catch (error) { failed(error); }
  },
  'win32-x64'(failed) {
    try { return require('./faye-websocket-rs.win32-x64-msvc.node'); } catch (error) { failed(error); }
    try { return require('@faye-websocket-rs/win32-x64-msvc'); } catch (error) { failed(error); }
  },
  'win32-arm64'(failed) {
    try { return require('./faye-websocket-rs.win32-arm64-msvc.node'); } catch (error) { failed(error); }
    try { return require('@faye-websocket-rs/win32-arm64-msvc'); } catch (error) { failed(error); }
  },
};

/**
 * Where nothing is published for the platform, somebody may have built it.
 *
 * @param {(error: unknown) => void} failed is given what loading has thrown
 * @returns {typeof import('./native') | undefined}
 */
function loadBuilt(failed) {
  const { platformName } = require('./install/platform');
  const built = { exports: /** @type {typeof import('./native')} */ ({}) };
  try {
    process.dlopen(built, path.join(__dirname, `faye-websocket-rs.${platformName()}.node`));
    return built.exports;
  } catch (error) {
    failed(error);
  }
}

/**
 * @returns {typeof import('./native')}
 * @throws {Error} with the code `ERR_FAYE_WEBSOCKET_NO_BINARY`, where no binary loads
 */
function load() {
  /** @type {any[]} */
  const failures = [];
  const loader = loaders[`${process.platform}-${process.arch}`] || loadBuilt;
  const native = loader((error) => failures.push(error));
  if (native === undefined) throw require('./install/missing_binary')(failures, loader !== loadBuilt);
  return native;
}

/** @type {typeof import('./native')} */
module.exports = load();
