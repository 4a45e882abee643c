'use strict';

/**
 * @import { AgreedExtensions, DeflateSettings } from '../native'
 * @import { DriverOptions, Extension, ExtensionParams } from '../contracts'
 */

const { readParams, writeParams } = require('./extension_params');
const { nativeSettings } = require('./deflate');
const { Stop } = require('./input');
const Pipeline = require('./pipeline');
const { native } = require('./session');
const { maxLength } = require('./session_options');
const requireSingleLine = require('../single_line');

/** The reserved bits of a frame, by the names of a plug-in's flags. */
const FLAGS = { rsv1: 4, rsv2: 2, rsv3: 1 };
const NAMES = /** @type {('rsv1' | 'rsv2' | 'rsv3')[]} */ (Object.keys(FLAGS));

/** While plug-ins have more of the peer's messages, or more of their bytes, nothing more is read. */
const MOST_MESSAGES = 1024;
const MOST_BYTES = 1048576;

/** Time, in milliseconds, for plug-ins to return messages before the connection closes. */
const CLOSE_TIMEOUT = 30000;

/**
 * Extension plug-ins that are written in JavaScript: calls them in the native side's negotiation, and passes every message
 * through those that both sides have agreed on. Connections without plug-ins do not use this class after the handshake.
 */
class Extensions {
  /**
   * @param {import('./hybi')} driver
   * @param {DriverOptions} options of the driver
   */
  constructor(driver, options) {
    this._driver = driver;
    this._isNativeAllowed = options.nativeDeflate !== false;
    /** Options for plug-ins, which may inflate: most bytes of one message of the peer. */
    this._options = { maxLength: maxLength(options.maxLength) };
    /** @type {Extension[]} */
    this._registered = [];
    /** @type {{ extension: Extension, session: any }[]} */
    this._offered = [];
    /** @type {Pipeline | null} the plug-ins that were agreed on; null without any */
    this._pipeline = null;
    /** The length of the messages that plug-ins have not returned, in bytes. */
    this.waiting = 0;
    /** The number of the peer's messages that plug-ins have not returned, and their length in bytes. */
    this._incoming = 0;
    this._incomingBytes = 0;
    /** The numbers of our messages that plug-ins were given, and have returned. */
    this._entered = 0;
    this._left = 0;
    /** @type {{ number: number, then: () => void }[]} functions to call when so many were returned */
    this._after = [];
  }

  /**
   * Whether any plug-in takes part in the connection.
   *
   * @returns {boolean}
   */
  get active() {
    return this._pipeline !== null;
  }

  /**
   * Registers a plug-in; before the handshake only.
   *
   * @param {Extension} extension
   * @throws {TypeError} for an object that is no plug-in, or has the name of another
   */
  add(extension) {
    if (typeof extension.name !== 'string') throw new TypeError('extension.name must be a string');
    requireSingleLine(extension.name, 'extension name');
    if (extension.type !== 'permessage') throw new TypeError('extension.type must be "permessage"');
    for (const flag of NAMES) {
      if (typeof extension[flag] !== 'boolean') throw new TypeError(`extension.${flag} must be true or false`);
    }
    if (this._registered.some(({ name }) => name === extension.name)) {
      throw new TypeError(`An extension with name "${extension.name}" is already registered`);
    }
    this._registered.push(extension);
  }

  /**
   * Settings for permessage-deflate if it is the only plug-in and the native side can do its work; otherwise null, and it is
   * called as the other plug-ins are.
   *
   * @returns {DeflateSettings | null}
   */
  nativeSettings() {
    const [extension, ...others] = this._registered;
    if (extension === undefined || others.length > 0) return null;
    return nativeSettings(extension, this._isNativeAllowed);
  }

  /**
   * A client's value of Sec-WebSocket-Extensions, or null. Throws the exceptions of plug-ins.
   *
   * @returns {string | null}
   */
  generateOffer() {
    const names = [];
    const offers = [];
    for (const extension of this._registered) {
      const session = extension.createClientSession(this._options);
      if (!session) continue;
      this._offered.push({ extension, session });
      const offer = session.generateOffer();
      for (const params of offer ? /** @type {ExtensionParams[]} */ ([]).concat(offer) : []) {
        names.push(extension.name);
        offers.push(writeParams(params));
      }
    }
    return native.offerExtensions(names, offers);
  }

  /**
   * Accepts the server's answer.
   *
   * @param {string | undefined} header value of Sec-WebSocket-Extensions
   * @throws {Error} when the handshake fails; also exceptions of plug-ins
   */
  activate(header) {
    const offered = this._offered;
    const { members, rsv } = negotiate(native.acceptExtensions, header, offered.map(({ extension }) => extension),
      (place, params) => offered[place].session.activate(readParams(params)) === true);
    this._start(members.map((place) => offered[place]), rsv);
  }

  /**
   * A server's value of Sec-WebSocket-Extensions, or null. Throws the exceptions of plug-ins.
   *
   * @param {string | undefined} header value of Sec-WebSocket-Extensions
   * @returns {string | null}
   */
  generateResponse(header) {
    const extensions = this._registered;
    /** @type {any[]} */
    const sessions = [];
    const { members, rsv, header: response } = negotiate(native.answerExtensions, header, extensions, (place, offers) => {
      const session = extensions[place].createServerSession(offers.map(readParams), this._options);
      if (!session) return false;
      sessions[place] = session;
      return writeParams(session.generateResponse());
    });
    this._start(members.map((place) => ({ extension: extensions[place], session: sessions[place] })), rsv);
    return response === undefined ? null : response;
  }

  /**
   * @param {{ extension: Extension, session: any }[]} active
   * @param {number} rsv reserved bits that they use
   */
  _start(active, rsv) {
    if (active.length === 0) return;
    this._pipeline = new Pipeline(active.map(({ extension, session }) => ({ name: extension.name, session })));
    native.decodeOutside(this._driver._id, rsv);
  }

  /**
   * Passes a message of the peer through the plug-ins, last one first.
   *
   * @param {number} opcode 1 or 2
   * @param {number} rsv reserved bits of the message: RSV1 is 4, RSV2 is 2, RSV3 is 1
   * @param {Buffer} data
   */
  decode(opcode, rsv, data) {
    const message = {
      rsv1: (rsv & 4) !== 0, rsv2: (rsv & 2) !== 0, rsv3: (rsv & 1) !== 0,
      opcode, length: data.length, data,
    };
    const { length } = data;
    const { _input: input } = this._driver;
    this._incoming++;
    this._incomingBytes += length;
    if (this._isFull) input.stop(Stop.PLUGINS);
    /** @type {Pipeline} */ (this._pipeline).incoming(message, (error, decoded) => {
      this._incoming--;
      this._incomingBytes -= length;
      if (!this._isFull) input.goOn(Stop.PLUGINS);
      if (decoded === null) this._driver._fail(error.type || 'extension_error', error.message);
      else this._driver._deliverDecoded(decoded.opcode, decoded.data);
    });
  }

  /**
   * Whether plug-ins have so many of the peer's messages that nothing more is read.
   *
   * @returns {boolean}
   */
  get _isFull() {
    return this._incoming > MOST_MESSAGES || this._incomingBytes > MOST_BYTES;
  }

  /**
   * Passes a message of ours through the plug-ins, first one first, and sends the message that they return.
   *
   * @param {number} opcode 1 or 2
   * @param {Buffer} data
   */
  encode(opcode, data) {
    const message = { rsv1: false, rsv2: false, rsv3: false, opcode, data };
    const { length } = data;
    this.waiting += length;
    this._entered++;
    /** @type {Pipeline} */ (this._pipeline).outgoing(message, (error, encoded) => {
      this.waiting -= length;
      this._left++;
      if (this._after.length > 0) process.nextTick(() => this._runAfter());
      if (encoded === null) return this._driver._fail(error.type || 'extension_error', error.message);
      const rsv = (encoded.rsv1 ? 4 : 0) | (encoded.rsv2 ? 2 : 0) | (encoded.rsv3 ? 1 : 0);
      this._driver._output.write(encoded.opcode | rsv << 4, encoded.data);
    });
  }

  /**
   * Calls `then` when the plug-ins have returned the messages that they have now.
   *
   * @param {() => void} then
   */
  after(then) {
    this._after.push({ number: this._entered, then });
    this._runAfter();
  }

  _runAfter() {
    for (let [next] = this._after; next !== undefined && next.number <= this._left; [next] = this._after) {
      this._after.shift();
      next.then();
    }
  }

  /**
   * Takes no more messages, and calls `then` when the plug-ins have returned those that they have, or after 30 seconds, as a
   * plug-in may never call back.
   *
   * @param {() => void} then
   */
  close(then) {
    if (this._pipeline === null) return then();
    let done = false;
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const finish = () => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      then();
    };
    this._pipeline.close(finish);
    if (!done) timer = setTimeout(finish, CLOSE_TIMEOUT);
  }
}

/**
 * Negotiates extensions. Exceptions of `ask` are thrown as they are.
 *
 * @param {Function} judge `acceptExtensions` or `answerExtensions` of the addon
 * @param {string | undefined} header
 * @param {Extension[]} extensions
 * @param {(place: number, params: any[]) => unknown} ask
 * @returns {AgreedExtensions}
 */
function negotiate(judge, header, extensions, ask) {
  /** @type {{ error: unknown } | null} */
  let failure = null;
  const names = extensions.map(({ name }) => name);
  const agreed = judge(header || '', names, extensions.map(reservedBits), (/** @type {number} */ place, /** @type {any[]} */ params) => {
    try {
      return ask(place, params);
    } catch (error) {
      failure = { error };
      return null;
    }
  });
  // `ask` may have set it.
  if (failure !== null) throw /** @type {{ error: unknown }} */ (failure).error;
  return agreed;
}

/**
 * @param {Extension} extension
 * @returns {number}
 */
function reservedBits(extension) {
  let bits = 0;
  for (const flag of NAMES) if (extension[flag]) bits |= FLAGS[flag];
  return bits;
}

module.exports = Extensions;
