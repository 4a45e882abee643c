'use strict';

/**
 * True on Linux systems whose C library is musl (Alpine).
 *
 * @returns {boolean}
 */
function isMusl() {
  if (process.platform !== 'linux') return false;
  const report = process.report.getReport();
  return !(typeof report === 'string' ? JSON.parse(report) : report).header.glibcVersionRuntime;
}

/**
 * The platform in the names of packages and binaries, for example `linux-x64-gnu`.
 *
 * @returns {string}
 */
function platformName() {
  const { platform, arch } = process;
  if (platform === 'linux') {
    const abi = isMusl() ? 'musl' : 'gnu';
    return `linux-${arch}-${arch === 'arm' ? `${abi}eabihf` : abi}`;
  }
  if (platform === 'win32') return `win32-${arch}-msvc`;
  return `${platform}-${arch}`;
}

module.exports = { platformName };
