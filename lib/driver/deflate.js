'use strict';

/**
 * @import { DeflateCodec, DeflateSettings, ParamList } from '../native'
 * @import { ExtensionCallback, ExtensionMessage, ExtensionParams } from '../contracts'
 */

const { native } = require('./session');
const { readParams, writeParams } = require('./extension_params');
const { hasConnections } = require('../flush_scheduler');

const NAME = 'permessage-deflate';

/** Time, in milliseconds, after which unused memory for compression is freed. */
const SWEEP_INTERVAL = 30000;

/**
 * Ranges of the options that are numbers, both ends included.
 *
 * @type {{ [name: string]: [from: number, to: number] }}
 */
const RANGES = {
  level: [-1, 9],
  memLevel: [1, 9],
  strategy: [0, 4],
  threshold: [0, 0xffffffff],
  maxWindowBits: [8, 15],
  requestMaxWindowBits: [8, 15],
};
const FLAGS = ['noContextTakeover', 'requestNoContextTakeover'];

/** The options of the npm package; `zlib` is the only one that we cannot honour. */
const PLUGIN_OPTIONS = ['level', 'memLevel', 'strategy', 'maxWindowBits', 'requestMaxWindowBits'];

/** The own properties of the npm package's plug-in, and of its sessions. */
const PLUGIN_KEYS = 'configure,createClientSession,createServerSession,name,rsv1,rsv2,rsv3,type';
const SESSION_KEYS = '_acceptMaxWindowBits,_acceptNoContextTakeover,_level,_memLevel,_queueIn,_queueOut,' +
  '_requestMaxWindowBits,_requestNoContextTakeover,_strategy,_zlib';

const genuine = new WeakMap();
/** @type {NodeJS.Timeout | undefined} */
let sweeper;

/** @type {(object: object, key: string) => boolean} */
const own = (object, key) => Object.prototype.hasOwnProperty.call(object, key);
/** @type {(value: any, range: [from: number, to: number]) => boolean} */
const isInRange = (value, [from, to]) => Number.isInteger(value) && value >= from && value <= to;

/**
 * Reads the option `deflate`.
 *
 * @param {any} value
 * @returns {DeflateSettings | null} settings for the native side, or null where it is off
 * @throws {TypeError | RangeError | Error} for a value of another type, out of range, or an unknown name
 */
function readOptions(value) {
  if (value === undefined || value === null || value === false) return null;
  if (value === true) return {};
  if (typeof value !== 'object') throw new TypeError('deflate must be true, false or an object');

  /** @type {{ [name: string]: any }} */
  const settings = {};
  for (const key in value) {
    const given = value[key];
    if (!own(RANGES, key) && !FLAGS.includes(key)) throw new Error('Unrecognized option: deflate.' + key);
    if (given === undefined) continue;
    if (own(RANGES, key)) {
      const [from, to] = RANGES[key];
      if (typeof given !== 'number') throw new TypeError(`deflate.${key} must be a number`);
      if (!isInRange(given, RANGES[key])) {
        throw new RangeError(`deflate.${key} must be an integer from ${from} to ${to}`);
      }
    } else if (typeof given !== 'boolean') {
      throw new TypeError(`deflate.${key} must be true or false`);
    }
    settings[key] = given;
  }
  return settings;
}

/**
 * permessage-deflate as a plug-in. Alone it is never asked: the native side does all of its work
 * (see `nativeSettings`). Beside plug-ins written in JavaScript it is one of them.
 */
class Deflate {
  /** @param {DeflateSettings} settings */
  constructor(settings) {
    this.name = NAME;
    this.type = 'permessage';
    this.rsv1 = true;
    this.rsv2 = this.rsv3 = false;
    this.settings = settings;
  }

  /** @param {{ maxLength: number }} options bytes */
  createClientSession({ maxLength }) {
    return new Session(new native.DeflateCodec(this.settings, maxLength));
  }

  /**
   * @param {ExtensionParams[]} offers
   * @param {{ maxLength: number }} options bytes
   * @returns {Session | null} null where no offer can be met
   */
  createServerSession(offers, { maxLength }) {
    const codec = new native.DeflateCodec(this.settings, maxLength);
    const answer = codec.answer(offers.map(writeParams));
    return answer === null ? null : new Session(codec, answer);
  }
}

class Session {
  /**
   * @param {DeflateCodec} codec
   * @param {ParamList} [answer] a server's
   */
  constructor(codec, answer) {
    this._codec = codec;
    this._answer = answer;
    keepSwept();
  }

  /** As the methods below, of the session interface of `websocket-extensions`. */
  generateOffer() {
    return readParams(this._codec.offer());
  }

  /**
   * @param {ExtensionParams} params
   * @returns {boolean}
   */
  activate(params) {
    return this._codec.accept(writeParams(params));
  }

  generateResponse() {
    return readParams(/** @type {ParamList} */ (this._answer));
  }

  /**
   * @param {ExtensionMessage} message
   * @param {ExtensionCallback} callback
   */
  processIncomingMessage(message, callback) {
    if (!message.rsv1) return callback(null, message);
    let data;
    try {
      data = this._codec.inflate(message.data);
    } catch (error) {
      return callback(error);
    }
    if (data === null) return callback(Object.assign(new Error('WebSocket frame length too large'), { type: 'too_large' }));
    message.data = asBuffer(data);
    callback(null, message);
  }

  /**
   * @param {ExtensionMessage} message
   * @param {ExtensionCallback} callback
   */
  processOutgoingMessage(message, callback) {
    const data = this._codec.compress(message.data);
    if (data !== null) {
      message.data = asBuffer(data);
      message.rsv1 = true;
    }
    callback(null, message);
  }

  close() {}
}

/**
 * @param {Uint8Array} bytes
 * @returns {Buffer} of the same memory
 */
function asBuffer({ buffer, byteOffset, byteLength }) {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/**
 * Settings with which the native side does the same as `extension`; null if it cannot. `plugins`: also for the npm package,
 * not only for the built-in plug-in.
 *
 * @param {object} extension
 * @param {boolean} plugins
 * @returns {DeflateSettings | null}
 */
function nativeSettings(extension, plugins) {
  if (extension instanceof Deflate) return extension.settings;
  return plugins && isPlugin(extension) ? pluginSettings(extension) : null;
}

/**
 * Whether this is the npm package permessage-deflate, or an object that its `configure` has returned, with nothing added or
 * replaced. As there may be several copies of the package, it is recognised by its properties.
 *
 * @param {object} extension
 * @returns {boolean}
 */
function isPlugin(extension) {
  let root = extension;
  while (own(root, '_options')) {
    if (Reflect.ownKeys(root).length !== 1) return false;
    root = Object.getPrototypeOf(root);
    if (root === null) return false;
  }
  if (Reflect.ownKeys(root).map(String).sort().join() !== PLUGIN_KEYS) return false;
  if (!genuine.has(root)) genuine.set(root, isGenuine(root));
  return genuine.get(root);
}

/**
 * @param {any} root
 * @returns {boolean}
 */
function isGenuine(root) {
  if (root.name !== NAME || Object.getPrototypeOf(root) !== Object.prototype) return false;
  try {
    const session = root.createClientSession();
    return Object.keys(session).sort().join() === SESSION_KEYS &&
      typeof session._getDeflate === 'function' && typeof session._getInflate === 'function';
  } catch {
    return false;
  }
}

/**
 * Settings of the plug-in's options; null for options with which the plug-in does something that the native side does not.
 *
 * @param {{ _options?: { [name: string]: any } }} plugin
 * @returns {import('../native').DeflateSettings | null}
 */
function pluginSettings({ _options: options = {} }) {
  // As the plug-in: every message is compressed, and a window of 15 bits is left out of the answer.
  /** @type {{ [name: string]: any }} */
  const settings = { threshold: 0, omitFullWindow: true };
  if (own(options, 'zlib') && options.zlib !== undefined && options.zlib !== require('zlib')) return null;
  for (const key of PLUGIN_OPTIONS) {
    if (!own(options, key) || options[key] === undefined) continue;
    if (!isInRange(options[key], RANGES[key])) return null;
    settings[key] = options[key];
  }
  for (const key of FLAGS) settings[key] = own(options, key) && !!options[key];
  return settings;
}

/** Has unused memory freed from now on, until there is none, and no connection that may need any. */
function keepSwept() {
  sweeper ||= setInterval(sweep, SWEEP_INTERVAL).unref();
}

/** Has unused memory freed; the last time when there is none, and no connection. */
function sweep() {
  if (native.sweepDeflate() > 0 || hasConnections()) return;
  clearInterval(sweeper);
  sweeper = undefined;
}

module.exports = { Deflate, readOptions, nativeSettings, keepSwept };
