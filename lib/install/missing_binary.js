'use strict';

/** What to say when the addon cannot be loaded: the cause that is most likely, and one command that mends it. */
const fs = require('fs');
const path = require('path');
const { getEnvironmentData, setEnvironmentData } = require('worker_threads');

const { managerOf } = require('./package_manager');
const { platformName } = require('./platform');

/** The package; in a bundle that is an ES module, where nothing says where it lies, the project. */
const folder = typeof __dirname === 'string' ? path.join(__dirname, '..', '..') : process.cwd();

/** @type {(error: NodeJS.ErrnoException) => boolean} */
const isMissing = ({ code, message }) => code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND'
  // Of a platform where nothing is published.
  || /\.node: cannot open shared object file: No such file|no such file, /.test(message);
/** @type {(error: NodeJS.ErrnoException) => boolean} */
const isDisabled = ({ code }) => code === 'ERR_DLOPEN_DISABLED';

/**
 * Why Node loads no addon at all, and what to do about it.
 *
 * @returns {string}
 */
function explainDisabled() {
  const flags = [...process.execArgv, process.env.NODE_OPTIONS || ''].join(' ');
  if (process.permission !== undefined && !/--no-addons\b/.test(flags)) {
    return 'Node.js was started with its permission model and loads no native addon.\nAdd --allow-addons to its command line.';
  }
  return 'Node.js was started with --no-addons and loads no native addon.\nStart it without that flag.';
}

/**
 * Why a file or package that is there does not load.
 *
 * @param {Error} error
 * @param {ReturnType<typeof managerOf>} manager
 * @returns {string}
 */
function explainBroken({ message }, manager) {
  const [line] = String(message).split('\n');
  return `Its binary does not load: ${line}\nTo compile one for this system (needs Rust): ${manager.execute('build')}`;
}

/**
 * @param {string} name of the platform
 * @param {boolean} isPublished
 * @param {ReturnType<typeof managerOf>} manager
 * @returns {string}
 */
function explainMissing(name, isPublished, manager) {
  if (fs.existsSync(path.join(folder, '__test__'))) {
    return 'This is a checkout in which it has not been built.\nTo build it (needs Rust): npm run build';
  }
  const { version } = require('../../package.json');
  const build = manager.execute('build');
  if (!isPublished) return `None is published for this platform.\nTo compile it (needs Rust): ${build}`;
  return `The package @faye-websocket-rs/${name} is not installed: optional dependencies were left out, or the lockfile was `
    + `made on another system.\nTo install it: ${manager.addOptional(`@faye-websocket-rs/${name}@${version}`)}\n`
    + `To compile it instead (needs Rust): ${build}`;
}

/**
 * @param {NodeJS.ErrnoException[]} failures what each attempt to load the addon threw
 * @param {boolean} isPublished whether there is a package for this platform
 * @returns {{ what: string, advice: string }}
 */
function explain(failures, isPublished) {
  const name = platformName();
  const manager = managerOf(folder);
  const broken = failures.find((error) => !isMissing(error));
  const what = `faye-websocket-rs cannot load its native binary for ${name} (Node.js ${process.version}) in ${folder}`;
  if (failures.some(isDisabled)) return { what, advice: explainDisabled() };
  return { what, advice: broken ? explainBroken(broken, manager) : explainMissing(name, isPublished, manager) };
}

/**
 * The error for the case that nothing can be loaded; parameters as those of `explain`.
 *
 * @param {NodeJS.ErrnoException[]} failures
 * @param {boolean} isPublished
 * @returns {Error} with the code `ERR_FAYE_WEBSOCKET_NO_BINARY`; `attempts` are the messages of the failures
 */
function missingBinary(failures, isPublished) {
  const { what, advice } = explain(failures, isPublished);
  const error = /** @type {NodeJS.ErrnoException} */ (new Error(`${what}\n${advice}`));
  Error.captureStackTrace(error, missingBinary);
  error.code = 'ERR_FAYE_WEBSOCKET_NO_BINARY';
  Object.defineProperty(error, 'attempts', { value: failures.map(({ message }) => String(message).split('\n')[0]) });
  return error;
}

/**
 * Says once in a process, and in the threads that it starts from then on, that WebAssembly is used instead.
 *
 * @param {NodeJS.ErrnoException[]} failures
 * @param {boolean} isPublished
 */
function warnOfWebAssembly(failures, isPublished) {
  const said = `faye-websocket-rs: WebAssembly, ${folder}`;
  if (getEnvironmentData?.(said)) return;
  setEnvironmentData?.(said, true);
  const { what, advice } = explain(failures, isPublished);
  process.emitWarning(`${what}; it runs as WebAssembly, which is slower`, { code: 'FAYE_WEBSOCKET_WASM', detail: advice });
}

module.exports = { missingBinary, warnOfWebAssembly };
