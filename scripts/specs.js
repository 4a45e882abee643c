'use strict';

// Which specs there are, and which of them also run on the other paths.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./addon');

const OTHER_PATHS = /client_|contract|dependents|differential|kernel_|large_messages|departure|peers|reentry|payload|throw|longest|stress|soak/;
const WEB_ASSEMBLY = /contract|deflate_interop|differential|peers\.|peer_limits/;

function find(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : find(file);
    return entry.name.endsWith('.spec.js') ? [path.relative(root, file)] : [];
  }).sort();
}

/**
 * @param {string[]} [names] parts of paths; all specs when empty
 * @returns {string[]} paths of the specs whose path contains one of the names, seen from the root
 */
function specs(names = []) {
  const all = find(path.join(root, '__test__'));
  const unknown = names.filter((name) => !all.some((file) => file.includes(name)));
  if (unknown.length > 0) {
    throw new Error(`No spec under __test__ has ${unknown.map((name) => JSON.stringify(name)).join(' or ')} in its path.`);
  }
  return names.length === 0 ? all : all.filter((file) => names.some((name) => file.includes(name)));
}

/**
 * What has to stand as well on Node's streams, and with clients dialled through Node, which the variable
 * FAYE_WEBSOCKET_KERNEL_SOCKET=0 asks for; elsewhere than on Linux and macOS there is only that path.
 * (native_*.spec.js test the socket that is not used then, hostile*.spec.js each path by themselves.)
 */
function specsOfOtherPaths(files) {
  return ['linux', 'darwin'].includes(process.platform) ? files.filter((file) => OTHER_PATHS.test(file)) : [];
}

/** What has to stand as well where the core runs as WebAssembly, which FAYE_WEBSOCKET_WASM=1 asks for. */
function specsOfWebAssembly(files) {
  return files.filter((file) => WEB_ASSEMBLY.test(file));
}

/** Arguments of a Node of that major version. A file that hangs, even in a loop that never yields, is ended. */
function testArguments(files, major) {
  return ['--test', '--test-reporter=spec', ...(major >= 20 ? ['--test-timeout=600000'] : []), ...files];
}

module.exports = { specs, specsOfOtherPaths, specsOfWebAssembly, testArguments };
