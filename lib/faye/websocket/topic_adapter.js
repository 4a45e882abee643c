'use strict';

const { randomBytes } = require('crypto');

const { native } = require('../../driver/session');
const { beginRelay, endRelay } = require('./topics');

/**
 * Carries publications between processes.
 *
 * @typedef {object} TopicAdapter
 * @property {(topic: string, bytes: Buffer) => void} publish sends bytes to all processes that have subscribed; this one may
 *   be among them
 * @property {(onMessage: (topic: string, bytes: Uint8Array) => void) => void} subscribe has a function called with what
 *   processes publish
 * @property {() => void} [close] stops calling it
 */

// The bytes that adapters carry: one for the format, one for text or binary, the publishing process, and the payload.
const FORMAT = 1;
const TEXT = 1;
const BINARY = 2;
const ORIGIN_BYTES = 8;
const HEAD_BYTES = 2 + ORIGIN_BYTES;

/**
 * Shares topics with other processes.
 *
 * @param {TopicAdapter} adapter
 * @returns {() => void} stops sharing them
 * @throws {TypeError | Error} for an object without the methods of an adapter, and when the process has an adapter already
 */
function useTopicAdapter(adapter) {
  for (const method of /** @type {const} */ (['publish', 'subscribe'])) {
    if (typeof adapter?.[method] !== 'function') throw new TypeError(`An adapter must have the method ${method}`);
  }
  const origin = randomBytes(ORIGIN_BYTES);
  const publish = beginRelay((topic, isText, payload) => {
    const head = Buffer.from([FORMAT, isText ? TEXT : BINARY]);
    adapter.publish(topic, Buffer.concat([head, origin, payload]));
  });
  let isUsed = true;
  adapter.subscribe((topic, bytes) => {
    const message = isUsed ? read(bytes) : null;
    if (message !== null && !message.origin.equals(origin)) publish(topic, message.isText, message.payload);
  });
  return () => {
    if (!isUsed) return;
    isUsed = false;
    endRelay();
    adapter.close?.();
  };
}

/**
 * Parses bytes that an adapter has carried; null for bytes of another format.
 *
 * @param {Uint8Array} bytes
 * @returns {{ origin: Buffer, isText: boolean, payload: Buffer } | null}
 */
function read(bytes) {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (message.length < HEAD_BYTES || message[0] !== FORMAT) return null;
  const [, kind] = message;
  const payload = message.subarray(HEAD_BYTES);
  if (kind !== BINARY && !(kind === TEXT && native.isUtf8(payload))) return null;
  return { origin: message.subarray(2, HEAD_BYTES), isText: kind === TEXT, payload };
}

module.exports = useTopicAdapter;
