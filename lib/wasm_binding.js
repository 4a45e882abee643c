'use strict';

/**
 * The core as WebAssembly: of ./native.d.ts what there is on systems whose event loop cannot be watched. Sockets are
 * Node's, and nothing is done on other threads. See src/wasm/mod.rs.
 */
// @ts-ignore -- made by `npm run build:wasm`, and not there before
const core = /** @type {any} */ (require('./wasm/faye-websocket-rs'));

class Tunnel extends core.Tunnel {
  /**
   * @param {string[]} headers names and values in turn
   * @returns {Buffer}
   */
  request(headers) {
    return Buffer.from(super.request(headers).buffer);
  }
}

/** @type {typeof import('./native') & { isWebAssembly: true }} */
module.exports = {
  ...core, Tunnel, EVENT_SOURCE_COMMENT: core.eventSourceComment(), MAX_CONTROL_BYTES: core.maxControlBytes(), isWebAssembly: true,
};
