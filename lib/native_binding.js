'use strict';

/** Loads the addon, or explains in one error why it cannot be loaded. */
function load() {
  try {
    return require('./native');
  } catch (error) {
    const reasons = [];
    for (let cause = error; cause; cause = cause.cause) {
      reasons.push(...(cause.errors || [cause]).map((each) => '  - ' + String(each.message).split('\n')[0]));
    }
    const failure = new Error(
      `faye-websocket-rs has no binary for ${process.platform}-${process.arch} (Node.js ${process.version}).\n` +
      `Tried:\n${[...new Set(reasons)].join('\n')}\n` +
      'To build it, install Rust (https://rustup.rs) and run `npm rebuild faye-websocket-rs --build-from-source`,\n' +
      'or `npm run build` in a checkout.');
    failure.code = 'ERR_FAYE_WEBSOCKET_NO_BINARY';
    failure.cause = error;
    throw failure;
  }
}

module.exports = load();
