'use strict';

const { randomBytes } = require('crypto');

const { native } = require('../../driver/session');
const { beginRelay, endRelay } = require('./topics');

/**
 * What carries publications to other processes.
 *
 * @typedef {object} TopicAdapter
 * @property {(topic: string, bytes: Buffer) => void} publish gives bytes to all processes that have subscribed, this one or not
 * @property {(onMessage: (topic: string, bytes: Uint8Array) => void) => void} subscribe has what others publish given to a function
 * @property {() => void} [close] gives nothing to it any more
 */

// What adapters carry: a byte that tells the format, one that tells text from binary, who has published it, and
// the payload.
const FORMAT = 1;
const TEXT = 1;
const BINARY = 2;
const ORIGIN_BYTES = 8;
const HEAD_BYTES = 2 + ORIGIN_BYTES;

/**
 * Has topics reach other processes.
 *
 * @param {TopicAdapter} adapter
 * @returns {() => void} ends it
 * @throws {TypeError | Error} for what is no adapter, and when the process has one already
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
 * Reads what an adapter has carried; null for what is not ours.
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
