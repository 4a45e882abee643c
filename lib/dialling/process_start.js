'use strict';

/**
 * What Node read when the process was started: the command line, and the environment as it was then.
 * Neither `process.execArgv` nor `process.env` is that in a worker, which may have been given its own,
 * and the program may have changed both.
 */
const { constants } = require('crypto');
const fs = require('fs');
const { isMainThread } = require('worker_threads');

const EXTRA = 'NODE_EXTRA_CA_CERTS';

/** As they were when the package was loaded, which is mostly early. */
const execArgv = [...process.execArgv];
const environment = pick(process.env);

/**
 * Variables that Node or OpenSSL read at the start and that decide whom TLS trusts, and how.
 *
 * @param {NodeJS.ProcessEnv} environment
 * @returns {NodeJS.ProcessEnv}
 */
function pick({ NODE_EXTRA_CA_CERTS, NODE_OPTIONS, NODE_USE_SYSTEM_CA, OPENSSL_CONF, OPENSSL_MODULES, OPENSSL_ENGINES }) {
  return { NODE_EXTRA_CA_CERTS, NODE_OPTIONS, NODE_USE_SYSTEM_CA, OPENSSL_CONF, OPENSSL_MODULES, OPENSSL_ENGINES };
}

/** Flags after which trust, ciphers, versions or keys may be others than Node's defaults. */
const FLAGS = /(?:^|[\s=])--(?:no-)?((?:use-(?:openssl|system|bundled)-ca|(?:openssl|tls)-[\w.-]+|trace-tls|force-fips|enable-fips|secure-heap|env-file|experimental-config|experimental-default-config|config-file)\b[\w-]*)/;

/** Flags that say what holds without them: the test runner of Node 24 and later starts processes with every flag. */
const DEFAULTS = new Set(['--secure-heap=0', '--secure-heap-min=2', `--tls-cipher-list=${constants.defaultCoreCipherList}`]);

/**
 * A text of flags as Node understands it: quotes are no part of them, and underscores are dashes.
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
 * Flags, and in a worker all arguments; null where the process has written its title over them.
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
 * The environment that the process was started with; null where nobody can know it.
 *
 * @returns {NodeJS.ProcessEnv | null}
 */
function environmentOfProcess() {
  const text = readProc('environ');
  // Elsewhere than on Linux, and where /proc is missing, as early as we have seen it.
  if (text === null) return isMainThread ? environment : null;
  return pick(Object.fromEntries(text.split('\0').map((entry) => {
    const at = entry.indexOf('=');
    return [entry.slice(0, at), entry.slice(at + 1)];
  })));
}

/** `AT_SECURE` of the auxiliary vector, see getauxval(3). */
const AT_SECURE = 23n;

/**
 * Whether the process runs with the rights of somebody else than who has started it. Node has then not
 * listened to the environment.
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
 * @typedef {object} ProcessStart what may make TLS through Node another than by default
 * @property {string} [flag]
 * @property {string} [variable]
 * @property {string} [extra] value of NODE_EXTRA_CA_CERTS
 * @property {boolean} [unknown] whether nothing of it is known
 */

/** @type {ProcessStart | undefined} */
let found;

/**
 * What was read at the start of the process and may make TLS through Node another than by default.
 *
 * @returns {ProcessStart}
 */
function processStart() {
  if (found === undefined) found = find();
  return found;
}

module.exports = processStart;
