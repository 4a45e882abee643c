'use strict';

const Header = require('./extension_header');
const { nativeSettings } = require('./deflate');
const Pipeline = require('./pipeline');
const { native } = require('./session');

const FLAGS = ['rsv1', 'rsv2', 'rsv3'];

/** Time, in milliseconds, that messages inside extensions get to come out before a close. */
const CLOSE_TIMEOUT = 30000;

/**
 * Hosts extension plug-ins written in JavaScript: negotiates them, and passes every message through
 * those both sides agreed on. A connection without plug-ins has none of this in its path.
 */
class Extensions {
  constructor(driver, maxLength) {
    this._driver = driver;
    this._options = { maxLength };
    this._registered = [];
    this._offered = [];
    this._pipeline = null;
    this._reservedBy = {};
  }

  /** Whether any plug-in takes part in the connection. */
  get active() {
    return this._pipeline !== null;
  }

  add(extension) {
    if (typeof extension.name !== 'string') throw new TypeError('extension.name must be a string');
    if (extension.type !== 'permessage') throw new TypeError('extension.type must be "permessage"');
    for (const flag of FLAGS) {
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
   */
  nativeSettings() {
    const [extension, ...others] = this._registered;
    if (extension === undefined || others.length > 0) return null;
    return nativeSettings(extension, this._driver._options.nativeDeflate !== false);
  }

  /** A client's header value, or null. May throw what a plug-in throws. */
  generateOffer() {
    const offers = [];
    for (const extension of this._registered) {
      const session = extension.createClientSession(this._options);
      if (!session) continue;
      this._offered.push({ extension, session });
      const offer = session.generateOffer();
      for (const params of offer ? [].concat(offer) : []) offers.push(Header.serialize(extension.name, params));
    }
    return offers.length > 0 ? offers.join(', ') : null;
  }

  /** Takes the server's answer. Throws when it cannot be accepted. */
  activate(header) {
    const active = [];
    for (const { name, params } of Header.parse(header)) {
      const record = this._offered.find(({ extension }) => extension.name === name);
      if (!record) throw new Error(`Server sent an extension response for unknown extension "${name}"`);
      const clash = this._clash(record.extension);
      if (clash) {
        throw new Error('Server sent two extension responses that use the ' +
          `${clash.toUpperCase()} bit: "${this._reservedBy[clash]}" and "${name}"`);
      }
      if (record.session.activate(params) !== true) {
        throw new Error('Server sent unacceptable extension parameters: ' + Header.serialize(name, params));
      }
      this._reserve(record.extension);
      active.push(record);
    }
    this._start(active);
  }

  /** A server's header value, or null. May throw what a plug-in throws. */
  generateResponse(header) {
    const offers = Header.parse(header);
    const active = [];
    const responses = [];
    for (const extension of this._registered) {
      const params = offers.filter(({ name }) => name === extension.name).map((offer) => offer.params);
      if (params.length === 0 || this._clash(extension)) continue;
      const session = extension.createServerSession(params, this._options);
      if (!session) continue;
      this._reserve(extension);
      active.push({ extension, session });
      responses.push(Header.serialize(extension.name, session.generateResponse()));
    }
    this._start(active);
    return responses.length > 0 ? responses.join(', ') : null;
  }

  _clash(extension) {
    return FLAGS.find((flag) => extension[flag] && this._reservedBy[flag] !== undefined);
  }

  _reserve(extension) {
    for (const flag of FLAGS) if (extension[flag]) this._reservedBy[flag] = extension.name;
  }

  _start(active) {
    if (active.length === 0) return;
    this._pipeline = new Pipeline(active.map(({ extension, session }) => ({ name: extension.name, session })));
    const claimed = FLAGS.reduce((bits, flag) => bits << 1 | (this._reservedBy[flag] === undefined ? 0 : 1), 0);
    native.decodeOutside(this._driver._id, claimed);
  }

  /** Passes a message of the peer through the plug-ins, last one first. */
  decode(opcode, rsv, data) {
    const message = {
      rsv1: (rsv & 4) !== 0, rsv2: (rsv & 2) !== 0, rsv3: (rsv & 1) !== 0,
      opcode, length: data.length, data,
    };
    this._pipeline.incoming(message, (error, decoded) => {
      if (error) this._driver._fail(error.type || 'extension_error', error.message);
      else this._driver._deliverDecoded(decoded.opcode, decoded.data);
    });
  }

  /** Passes a message of ours through the plug-ins, first one first, and sends what comes out. */
  encode(opcode, data) {
    const message = { rsv1: false, rsv2: false, rsv3: false, opcode, data };
    this._pipeline.outgoing(message, (error, encoded) => {
      if (error) return this._driver._fail(error.type || 'extension_error', error.message);
      const rsv = (encoded.rsv1 ? 4 : 0) | (encoded.rsv2 ? 2 : 0) | (encoded.rsv3 ? 1 : 0);
      this._driver._write(encoded.opcode | rsv << 4, encoded.data);
    });
  }

  /**
   * Takes no more messages, and runs `then` once those already inside have come out. A plug-in that
   * never calls back may hold a connection's end up for 30 seconds, not for ever.
   */
  close(then) {
    if (this._pipeline === null) return then();
    let done = false;
    let timer = null;
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

module.exports = Extensions;
