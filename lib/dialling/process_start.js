'use strict';

/**
 * The command line and the environment with which the process was started, and which Node has read then. `process.execArgv`
 * and `process.env` may be others: a worker may have its own, and the program may have changed them.
 */
const { constants } = require('crypto');
const fs = require('fs');
const { isMainThread } = require('worker_threads');

const EXTRA = 'NODE_EXTRA_CA_CERTS';

/** Flags and environment when the package was loaded, which is early in most programs. */
const execArgv = [...process.execArgv];
const environment = pick(process.env);

/**
 * The variables that Node or OpenSSL read at the start and that affect TLS.
 *
 * @param {NodeJS.ProcessEnv} environment
 * @returns {NodeJS.ProcessEnv}
 */
function pick({ NODE_EXTRA_CA_CERTS, NODE_OPTIONS, NODE_USE_SYSTEM_CA, OPENSSL_CONF, OPENSSL_MODULES, OPENSSL_ENGINES }) {
  return { NODE_EXTRA_CA_CERTS, NODE_OPTIONS, NODE_USE_SYSTEM_CA, OPENSSL_CONF, OPENSSL_MODULES, OPENSSL_ENGINES };
}

/** Flags by which trusted certificates, ciphers, versions or keys may differ from Node's defaults. */
const FLAGS = /(?:^|[\s=])--(?:no-)?((?:use-(?:openssl|system|bundled)-ca|(?:openssl|tls)-[\w.-]+|trace-tls|force-fips|enable-fips|secure-heap|env-file|experimental-config|experimental-default-config|config-file)\b[\w-]*)/;

/** Flags with their default values: the test runner of Node 24 and later starts processes with every flag. */
const DEFAULTS = new Set(['--secure-heap=0', '--secure-heap-min=2', `--tls-cipher-list=${constants.defaultCoreCipherList}`]);

/**
 * A text of flags in Node's spelling: without quotes, and with dashes for underscores.
 *
 * @param {string} text
 * @returns {string}
 */
function flagsIn(text) {
  return text.replace(/["\\]/g, '').replace(/_/g, '-');
}

/**
 * A file of this process in /proc; null where there is none.
 *
 * @param {'cmdline' | 'environ' | 'auxv'} name
 * @returns {string | null}
 */
function readProc(name) {
  if (process.platform !== 'linux') return null;
  try {
    return fs.readFileSync(`/proc/self/${name}`, 'latin1');
  } catch {
    return null;
  }
}

/**
 * The flags of the process; in a worker all of its arguments; null where `process.title` has overwritten them.
 *
 * @returns {string[] | null}
 */
function argumentsOfProcess() {
  if (isMainThread) return execArgv;
  const line = readProc('cmdline');
  if (line === null || !line.startsWith(`${process.argv0}\0`) || line.includes('\0\0')) return null;
  return line.split('\0').slice(1);
}

/**
 * The environment with which the process was started; null where it cannot be known.
 *
 * @returns {NodeJS.ProcessEnv | null}
 */
function environmentOfProcess() {
  const text = readProc('environ');
  // Without /proc, that of the time when the package was loaded.
  if (text === null) return isMainThread ? environment : null;
  return pick(Object.fromEntries(text.split('\0').map((entry) => {
    const at = entry.indexOf('=');
    return [entry.slice(0, at), entry.slice(at + 1)];
  })));
}

/** `AT_SECURE` of the auxiliary vector, see getauxval(3). */
const AT_SECURE = 23n;

/**
 * Whether the process has other rights than the user who has started it (setuid, capabilities): Node has not read the
 * environment then.
 *
 * @returns {boolean}
 */
function hasForeignRights() {
  if (process.getuid?.() !== process.geteuid?.() || process.getgid?.() !== process.getegid?.()) return true;
  const vector = Buffer.from(readProc('auxv') || '', 'latin1');
  for (let at = 0; at + 16 <= vector.length; at += 16) {
    if (vector.readBigUInt64LE(at) === AT_SECURE) return vector.readBigUInt64LE(at + 8) !== 0n;
  }
  return false;
}

/** @returns {ProcessStart} */
function find() {
  if (hasForeignRights()) return { unknown: true };
  const words = argumentsOfProcess();
  const started = environmentOfProcess();
  if (words === null || started === null) return { unknown: true };
  const text = [...[...words, ...execArgv].filter((word) => !DEFAULTS.has(word)), started.NODE_OPTIONS, environment.NODE_OPTIONS].join(' ');
  const [, flag] = FLAGS.exec(flagsIn(text)) || [];
  const others = Object.keys(environment).filter((name) => name !== 'NODE_OPTIONS' && name !== EXTRA);
  return {
    flag: flag && `--${flag}`,
    variable: others.find((name) => environment[name] || started[name]),
    extra: started[EXTRA],
  };
}

/**
 * @typedef {object} ProcessStart settings by which TLS through Node may differ from the default
 * @property {string} [flag]
 * @property {string} [variable]
 * @property {string} [extra] value of NODE_EXTRA_CA_CERTS
 * @property {boolean} [unknown] whether they cannot be known
 */

/** @type {ProcessStart | undefined} */
let found;

/**
 * Settings of the start of the process by which TLS through Node may differ from the default.
 *
 * @returns {ProcessStart}
 */
function processStart() {
  if (found === undefined) found = find();
  return found;
}

module.exports = processStart;
