'use strict';

/**
 * The core as WebAssembly: the exports of ./native.d.ts that need no sockets. Node reads and writes sockets, and there are
 * no other threads. See src/wasm/mod.rs.
 */
// @ts-ignore -- made by `npm run build:wasm`, and missing before
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
