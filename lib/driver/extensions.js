'use strict';

/**
 * @import { AgreedExtensions, DeflateSettings } from '../native'
 * @import { DriverOptions, Extension, ExtensionParams } from '../contracts'
 */

const { readParams, writeParams } = require('./extension_params');
const { nativeSettings } = require('./deflate');
const Pipeline = require('./pipeline');
const { native } = require('./session');
const { maxLength } = require('./session_options');
const requireSingleLine = require('../single_line');

/** The reserved bits of a frame by the names plug-ins have for them. */
const FLAGS = { rsv1: 4, rsv2: 2, rsv3: 1 };
const NAMES = /** @type {('rsv1' | 'rsv2' | 'rsv3')[]} */ (Object.keys(FLAGS));

/** Time, in milliseconds, that messages inside extensions get to come out before a close. */
const CLOSE_TIMEOUT = 30000;

/**
 * Hosts extension plug-ins written in JavaScript: calls them where the native side negotiates, and
 * passes every message through those both sides agreed on. A connection without plug-ins has none of
 * this in its path.
 */
class Extensions {
  /**
   * @param {any} driver a Hybi
   * @param {DriverOptions} options of the driver
   */
  constructor(driver, options) {
    this._driver = driver;
    this._isNativeAllowed = options.nativeDeflate !== false;
    /** For plug-ins, which may inflate: most bytes of one message of the peer. */
    this._options = { maxLength: maxLength(options.maxLength) };
    /** @type {Extension[]} */
    this._registered = [];
    /** @type {{ extension: Extension, session: any }[]} */
    this._offered = [];
    /** @type {Pipeline | null} of the plug-ins that take part, once they are agreed on */
    this._pipeline = null;
    /** Bytes of the messages that are inside plug-ins. */
    this.waiting = 0;
    /** How many messages of ours have gone into plug-ins, and come out again. */
    this._entered = 0;
    this._left = 0;
    /** @type {{ number: number, then: () => void }[]} what to run when so many have come out */
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
   * @throws {TypeError} for what is none, or has the name of another
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
   * Settings for permessage-deflate if the native side can do all that was registered, else null.
   * Beside other plug-ins it has to be one of them.
   *
   * @returns {DeflateSettings | null}
   */
  nativeSettings() {
    const [extension, ...others] = this._registered;
    if (extension === undefined || others.length > 0) return null;
    return nativeSettings(extension, this._isNativeAllowed);
  }

  /**
   * A client's header value, or null. May throw what a plug-in throws.
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
   * Takes the server's answer.
   *
   * @param {string | undefined} header value of Sec-WebSocket-Extensions
   * @throws {Error} when it cannot be accepted, or what a plug-in throws
   */
  activate(header) {
    const offered = this._offered;
    const { members, rsv } = negotiate(native.acceptExtensions, header, offered.map(({ extension }) => extension),
      (place, params) => offered[place].session.activate(readParams(params)) === true);
    this._start(members.map((place) => offered[place]), rsv);
  }

  /**
   * A server's header value, or null. May throw what a plug-in throws.
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
    /** @type {Pipeline} */ (this._pipeline).incoming(message, (error, decoded) => {
      if (decoded === null) this._driver._fail(error.type || 'extension_error', error.message);
      else this._driver._deliverDecoded(decoded.opcode, decoded.data);
    });
  }

  /**
   * Passes a message of ours through the plug-ins, first one first, and sends what comes out.
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
   * Runs `then` when the messages that are inside now have come out.
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
   * Takes no more messages, and runs `then` once those already inside have come out. A plug-in that
   * never calls back may hold a connection's end up for 30 seconds, not for ever.
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
 * What both sides agree on; `ask` may throw, and what it throws comes out as it is.
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
  // `judge` may have set it.
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
