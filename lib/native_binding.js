'use strict';

/**
 * Loads the addon: a file that was built here, or else that of the platform's package. Where neither loads, the same core is
 * loaded as WebAssembly, which is slower, and Node reads and writes all sockets.
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
 * Loads an addon that was built for a platform for which none is published.
 *
 * @param {(error: unknown) => void} failed called with an exception of loading
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
 * The core as WebAssembly.
 *
 * @param {(error: unknown) => void} failed called with an exception of loading: a bundle may have left the file out
 * @returns {typeof import('./wasm_binding') | undefined}
 */
function loadWebAssembly(failed) {
  try { return require('./wasm_binding'); } catch (error) { failed(error); }
}

/**
 * Loads the addon or WebAssembly. With the variable FAYE_WEBSOCKET_WASM=1, WebAssembly is loaded also where there is a
 * binary; with 0, it is not loaded, and a missing binary throws.
 *
 * @returns {typeof import('./native') & { isWebAssembly?: boolean }}
 * @throws {Error} with the code `ERR_FAYE_WEBSOCKET_NO_BINARY`, where neither loads
 */
function load() {
  const { FAYE_WEBSOCKET_WASM: choice } = process.env;
  /** @type {any[]} */
  const failures = [];
  const loader = loaders[`${process.platform}-${process.arch}`] || loadBuilt;
  const native = choice === '1' ? undefined : loader((error) => failures.push(error));
  if (native !== undefined) return native;
  const core = choice === '0' ? undefined : loadWebAssembly((error) => {
    if (choice === '1') throw error;
  });
  const { missingBinary, warnOfWebAssembly } = require('./install/missing_binary');
  if (core === undefined) throw missingBinary(failures, loader !== loadBuilt);
  if (choice !== '1') warnOfWebAssembly(failures, loader !== loadBuilt);
  return core;
}

module.exports = load();
