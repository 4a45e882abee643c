'use strict';

// node scripts/inspect-binary.js FILE...: whether Linux binaries may be published: what they ask of the C library is not
// newer than the floor, they export the addon's entry alone, and they need no OpenSSL of the system.

const path = require('node:path');
const { execFileSync } = require('node:child_process');

/** The newest symbols of glibc that a binary may ask for: those of Debian 10, RHEL 8 and Ubuntu 20.04. */
const GLIBC = '2.28';
/** Libraries that are on every system, as `ldd` and `readelf -d` name them. */
const LIBRARIES = /^(libc|libm|libdl|libpthread|librt|libgcc_s|ld-linux[\w-]*|libc\.musl-\w+)\.so(\.\d+)?$/;
const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];

const printed = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', maxBuffer: 64 << 20 });

function isNewer(version, floor) {
  const [[a, b = 0], [c, d]] = [version, floor].map((text) => text.split('.').map(Number));
  return a !== c ? a > c : b > d;
}

/** @returns {string[]} what is wrong with the file */
function faults(file) {
  const symbols = printed('objdump', '-T', file).split('\n');
  const glibc = [...new Set(symbols.flatMap((line) => /\bGLIBC_([\d.]+)/.exec(line)?.[1] || []))].filter((version) => isNewer(version, GLIBC));
  const exported = symbols.filter((line) => /^[0-9a-f]+ [gwu ]/.test(line) && !line.includes('*UND*')).map((line) => line.trim().split(/\s+/).pop())
    .filter((name) => !EXPORTS.includes(name));
  const libraries = printed('objdump', '-p', file).split('\n').flatMap((line) => /NEEDED\s+(\S+)/.exec(line)?.[1] || []);
  return [
    ...glibc.map((version) => `asks for GLIBC_${version}; the floor is ${GLIBC}`),
    ...exported.map((name) => `exports ${name}`),
    ...libraries.filter((name) => !LIBRARIES.test(name)).map((name) => `needs ${name}`),
  ];
}

module.exports = { faults };

if (require.main === module) {
  for (const file of process.argv.slice(2)) {
    const found = faults(file);
    process.stdout.write(`${found.length === 0 ? 'passed' : 'FAILED'}  ${path.basename(file)}\n${found.map((fault) => `        ${fault}\n`).join('')}`);
    if (found.length > 0) process.exitCode = 1;
  }
}
