'use strict';

// The ways that bytes of a peer take into the package. Each is attacked on its own.

/**
 * @typedef {object} Path
 * @property {'server'|'client'} role the side that is attacked
 * @property {boolean} [secure] over TLS
 * @property {boolean} [ours] a path that only this package has
 * @property {object} [settings] options that lead there
 */

/** @type {Record<string, Path>} */
const PATHS = {
  kernel: { role: 'server', settings: {} },
  stream: { role: 'server', ours: true, settings: { kernelSocket: false } },
  tls: { role: 'server', secure: true, settings: {} },
  client: { role: 'client', settings: {} },
  'client-tls': { role: 'client', secure: true, settings: {} },
  // An option that only Node's own `net` can honour.
  'client-node': { role: 'client', ours: true, settings: { net: { family: 4 } } },
};

/** Names of the paths that a package has. */
function pathsOf(packageName) {
  return Object.keys(PATHS).filter((name) => packageName === 'ours' || !PATHS[name].ours);
}

module.exports = { PATHS, pathsOf };
