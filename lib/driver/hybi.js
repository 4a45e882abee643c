'use strict';

/**
 * @import { Extension, FrameType, Handshake, Owner } from '../contracts'
 */

const Driver = require('./driver');
const Compression = require('./compression');
const Extensions = require('./extensions');
const { native, Opcode } = require('./session');
const { CloseCode, codeOf } = require('./close_code');
const { keepSwept } = require('./deflate');
const { PingEvent, PongEvent } = require('./events');
const MessageReader = require('./message_reader');
const MessageWriters = require('./message_writer');
const { sequence } = require('../sequence');

/**
 * The payload of a control frame: of bytes, or of the text of any other value.
 *
 * @param {any} data
 * @returns {Buffer}
 */
function controlPayload(data) {
  if (Buffer.isBuffer(data)) return data;
  if (Array.isArray(data) || data instanceof Uint8Array) return Buffer.from(data);
  return Buffer.from(String(data), 'utf8');
}

/**
 * Fields that begin on the prototype, since most connections never set them.
 *
 * @typedef {object} Seldom
 * @property {MessageReader | null} _reader the message that is read while it arrives
 * @property {Extensions | null} _extensions plug-ins; after the handshake, only where some were agreed on
 * @property {Compression | null} _compression the queue of messages that wait for compression, where that was agreed on
 */

/** RFC 6455 and its drafts 07 and 08, except for the handshake; the classes of both roles extend it. */
class Hybi extends /** @type {new (...parameters: ConstructorParameters<typeof Driver>) => Driver & Seldom} */ (Driver) {
  /**
   * @param {Extension} extension
   * @returns {boolean} false when the handshake is over
   * @throws {TypeError} for an object that is no extension, or has the name of another
   */
  addExtension(extension) {
    if (this.readyState > 0) return false;
    this._extensions ||= new Extensions(this, /** @type {Handshake} */ (this._handshake).options);
    this._extensions.add(extension);
    return true;
  }

  /**
   * Has the native side negotiate permessage-deflate, if it is the only extension.
   *
   * @param {Extensions} extensions
   * @returns {boolean} whether it is
   */
  _proposeDeflate(extensions) {
    const settings = extensions.nativeSettings();
    if (settings === null) return false;
    native.proposeDeflate(this._id, settings);
    this._extensions = null;
    keepSwept();
    return true;
  }

  /** As `_open` of Driver; where compression was agreed on, long messages are compressed on another thread from now on. */
  _open() {
    if (native.isCompressed(this._id)) this._compression = new Compression(this);
    super._open();
  }

  /**
   * @param {string} message
   */
  _failHandshake(message) {
    this.readyState = 3;
    this._release();
    this._emitErrorAndClose(message, CloseCode.protocol_error);
  }

  // ---- output

  /** @returns {number} */
  get _unsent() {
    const { _compression: compression, _extensions: extensions, _writers: writers } = this;
    return super._unsent + (writers === null ? 0 : writers.waiting) + (compression === null ? 0 : compression.waiting) + (extensions === null ? 0 : extensions.waiting);
  }

  /** @param {() => void} then */
  _afterQueued(then) {
    const queue = this._writers || this._extensions || this._compression;
    if (queue === null) then();
    else queue.after(then);
  }

  /** @returns {boolean} */
  get _sharesFrames() {
    return this._extensions === null && this._compression === null;
  }

  /**
   * @param {number} length bytes
   * @returns {boolean}
   */
  _joinsBroadcast(length) {
    return this._writers === null && this._extensions === null &&
      (this._compression === null || !this._compression.delays(length));
  }

  /**
   * @param {number} length bytes of the payload
   * @returns {number} bytes of the header
   */
  _overhead(length) {
    return (length < 126 ? 2 : length < 65536 ? 4 : 10) + this._keyBytes;
  }

  /**
   * @param {any} message
   * @returns {boolean}
   */
  text(message) {
    if (this.readyState > 1) return false;
    if (this.readyState === 1 && this._extensions === null && typeof message === 'string') {
      if (!this._waits(Opcode.text, message)) this._output.writeText(Opcode.text, message);
      return true;
    }
    return this.frame(message, 'text');
  }

  /**
   * @param {any} message
   * @returns {boolean}
   */
  binary(message) {
    if (this.readyState > 1) return false;
    return this.frame(message, 'binary');
  }

  /**
   * False, and nothing is sent, for a payload of more than 125 bytes (RFC 6455 section 5.5).
   *
   * @param {any} message
   * @param {() => void} [callback]
   * @returns {boolean}
   */
  ping(message, callback) {
    if (this.readyState > 1) return false;
    const payload = controlPayload(message || '');
    if (payload.length > native.MAX_CONTROL_BYTES) return false;
    if (callback) {
      this._pingCallbacks ||= new Map();
      this._pingCallbacks.set(Array.isArray(message) ? String(message) : payload.toString(), callback);
    }
    return this.frame(payload, 'ping');
  }

  /**
   * @param {any} message
   * @returns {boolean}
   */
  pong(message) {
    if (this.readyState > 1) return false;
    const payload = controlPayload(message || '');
    if (payload.length > native.MAX_CONTROL_BYTES) return false;
    return this.frame(payload, 'pong');
  }

  /**
   * @param {string} [reason]
   * @param {number} [code]
   * @returns {boolean}
   */
  close(reason, code) {
    reason = reason || '';
    code = code || CloseCode.normal_closure;

    if (this.readyState <= 0) {
      this.readyState = 3;
      this._release();
      this._emitClose(code, reason);
      return true;
    }
    if (this.readyState !== 1) return false;

    this.readyState = 2;
    if (this._writers !== null) this._writers.close();
    native.beginClosing(this._id);
    this._stopExtensions(() => {
      this._output.wrote(native.sendClose(this._id, +code & 0xffff, controlPayload(reason)));
    });
    return true;
  }

  /**
   * @param {any} data
   * @param {FrameType} [type]
   * @param {number} [code]
   * @returns {boolean}
   */
  frame(data, type, code) {
    if (this.readyState <= 0) {
      /** @type {Handshake} */ (this._handshake).queue(data, type, code);
      return true;
    }
    if (this.readyState > 2) return false;

    if (typeof data === 'number') data = String(data);
    else if (Array.isArray(data)) data = Buffer.from(data);

    const isText = typeof data === 'string';
    const opcode = Opcode[type || (isText ? 'text' : 'binary')];
    if (code) {
      this._output.wrote(native.sendClose(this._id, +code & 0xffff, controlPayload(data)));
    } else if (opcode <= Opcode.binary) {
      // While closing, no message may follow our close frame (RFC 6455 section 5.5.1).
      if (this.readyState === 2) return true;
      // A copy, as the caller may overwrite its buffer at once, and a plug-in may call back later.
      if (this._extensions !== null) this._extensions.encode(opcode, Buffer.from(data));
      else if (this._waits(opcode, data)) return true;
      else if (isText) this._output.writeText(opcode, data);
      else this._output.write(opcode, data);
    } else if (isText) {
      this._output.writeText(opcode, data);
    } else {
      this._output.write(opcode, data);
    }
    return true;
  }

  /**
   * A stream for a message that is sent in fragments, while it is written.
   *
   * @param {boolean} isBinary
   * @returns {import('stream').Writable}
   * @throws {Error} where plug-ins take part, which encode whole messages
   */
  createWriter(isBinary) {
    if (this._extensions !== null) throw new Error('Extension plug-ins encode whole messages only');
    this._writers ||= new MessageWriters(this);
    return this._writers.create(isBinary);
  }

  /** As `_drained` of Driver; the writer of a streamed message goes on. */
  _drained() {
    const { _writers: writers } = this;
    if (writers === null) super._drained();
    else sequence(() => super._drained(), () => writers.drained());
  }

  /** As `_release` of Driver; streams of messages that are not complete are destroyed. */
  _release() {
    super._release();
    if (this._writers !== null) this._writers.close();
    if (this._reader !== null) this._reader.abort();
    this._reader = null;
  }

  /**
   * Queues a message if it cannot be framed now: because it, or one before it, takes long to compress, or a message is being
   * streamed. Returns whether it was queued.
   *
   * @param {number} opcode
   * @param {string | Uint8Array} data
   * @returns {boolean}
   */
  _waits(opcode, data) {
    if (this._writers !== null) {
      this._writers.queue(opcode, data);
      return true;
    }
    return this._compression !== null && this._compression.takes(opcode, data);
  }

  /**
   * Calls `then` when plug-ins or compression have returned all messages.
   *
   * @param {() => void} then
   */
  _stopExtensions(then) {
    const extensions = this._extensions || this._compression;
    if (extensions === null) then();
    else extensions.close(then);
  }

  /**
   * Closes the connection: the peer has sent a close frame, or violated the protocol.
   *
   * @param {number} code
   * @param {string} reason
   * @param {boolean} failed whether the peer has violated the protocol
   */
  _shutdown(code, reason, failed) {
    this.readyState = 2;
    if (this._writers !== null) this._writers.close();
    const extensions = this._extensions || this._compression;
    if (extensions === null) this._conclude(code, reason, failed);
    else extensions.close(() => this._conclude(code, reason, failed));
  }

  /**
   * Sends our close frame, if it was not sent before, and ends the connection. All earlier messages were framed.
   *
   * @param {number} code
   * @param {string} reason
   * @param {boolean} failed
   */
  _conclude(code, reason, failed) {
    this._output.wrote(native.conclude(this._id));
    this._output.flush();
    this.readyState = 3;
    this._release();
    if (!failed) return this._emitClose(code, reason);
    this._awaitsEnd = true;
    this._emitErrorAndClose(reason, code);
  }

  /**
   * @param {string} message
   * @param {number} code
   */
  _emitErrorAndClose(message, code) {
    sequence(() => this._emitError(message), () => this._emitClose(code, message));
  }

  // ---- input

  /** @param {Buffer} payload */
  _receivePing(payload) {
    if (this.readyState < 3) this._output.pong(payload);
    if (this._owner !== null) this._owner._announce('ping', payload);
    if (this.listenerCount('ping') > 0) this.emit('ping', new PingEvent(payload.toString()));
  }

  /** @param {Buffer} payload */
  _receivePong(payload) {
    const { _owner: owner, _pingCallbacks: callbacks } = this;
    if (owner !== null && owner._liveness !== null) owner._liveness.takePong(payload);
    if (callbacks !== null) {
      const key = native.isUtf8(payload) ? payload.toString() : 'null';
      const callback = callbacks.get(key);
      callbacks.delete(key);
      if (callback) return sequence(callback, () => this._emitPong(payload));
    }
    this._emitPong(payload);
  }

  /** @param {Buffer} payload */
  _emitPong(payload) {
    if (this._owner !== null) this._owner._announce('pong', payload);
    if (this.listenerCount('pong') > 0) this.emit('pong', new PongEvent(payload.toString()));
  }

  /**
   * @param {number} opcode
   * @param {number} rsv
   * @param {Buffer} payload
   */
  _deliverEncoded(opcode, rsv, payload) {
    /** @type {Extensions} */ (this._extensions).decode(opcode, rsv, payload);
  }

  /**
   * Delivers the next part of a message that is read while it arrives.
   *
   * @param {number} opcode 1 or 2
   * @param {boolean} isFirst
   * @param {boolean} isLast
   * @param {Buffer} payload
   */
  _deliverPart(opcode, isFirst, isLast, payload) {
    if (isFirst) {
      const reader = this._reader = new MessageReader(this);
      // Only an owner sets `streamAbove`.
      if (!/** @type {Owner} */ (this._owner)._receiveStream(reader, opcode === Opcode.binary)) {
        this._reader = null;
        this._fail(CloseCode.unexpected_condition, 'Nobody listens for messages as streams');
        return;
      }
    }
    const { _reader: reader } = this;
    if (isLast) this._reader = null;
    if (reader !== null) reader.receive(payload, isLast);
  }

  /**
   * Delivers a message that the plug-ins have decoded.
   *
   * @param {number} opcode 1 or 2
   * @param {any} data of the message from the last plug-in
   */
  _deliverDecoded(opcode, data) {
    if (data instanceof Uint8Array && !native.checkDecoded(this._id, opcode, /** @type {Buffer} */ (data))) return this._settle();
    this._deliver(opcode === Opcode.text ? data.toString('utf8') : data);
  }

  /**
   * Fails the connection for an error that was found outside the native session.
   *
   * @param {string | number} type a close code, or its name in ./close_code
   * @param {string} message
   */
  _fail(type, message) {
    if (this.readyState > 1) return;
    native.failSession(this._id, codeOf(type), String(message));
    this._settle();
  }
}

// Fields that most connections never set: they use no memory on the prototype.

/** @type {MessageWriters | null} streams of messages that are sent in fragments */
Hybi.prototype._writers = null;
Hybi.prototype._reader = null;
Hybi.prototype._extensions = null;
Hybi.prototype._compression = null;
/** @type {Map<string, () => void> | null} callbacks of `ping`, by the payloads of their pings */
Hybi.prototype._pingCallbacks = null;
/** Bytes of a masking key in each of our frames: 4 or 0. */
Hybi.prototype._keyBytes = 0;

module.exports = Hybi;
