'use strict';

/**
 * What one compressing client sends: messages like the records of some application, no two alike,
 * and their frames, built beforehand. A stream is sent over and over; it is longer than a window,
 * so that nothing is found again the second time, and its first message refers to nothing.
 */

const zlib = require('node:zlib');

const WINDOW = 32768;
const RSV1_TEXT = 0xc1;
const TEXT = 0x81;
const WORDS = ('alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa ' +
  'quebec romeo sierra tango uniform victor whiskey xray yankee zulu').split(' ');

/** The same numbers in every run. */
const random = (seed) => {
  let state = (seed + 1) * 0x9e3779b1 >>> 0;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
};

const record = (pick) => {
  const word = () => WORDS[pick(WORDS.length)];
  return {
    id: pick(1e7),
    user: `${word()}.${word()}@example.com`,
    at: new Date(1.7e12 + pick(1e9) * 37).toISOString(),
    price: pick(1e6) / 100,
    tags: [word(), word()],
    active: pick(2) === 0
  };
};

/** A JSON array of records, filled up to exactly `size` bytes. */
const message = (pick, size) => {
  const records = [];
  let length = 2;
  for (;;) {
    const next = record(pick);
    const more = JSON.stringify(next).length + 1;
    if (length + more > size) break;
    records.push(next);
    length += more;
  }
  if (records.length > 0) {
    const text = JSON.stringify(records);
    return Buffer.from(text + ' '.repeat(size - text.length));
  }
  const text = JSON.stringify(record(pick));
  return Buffer.from(text.slice(0, size).padEnd(size));
};

const frame = (first, payload) => {
  const { length } = payload;
  const header = length < 126 ? Buffer.from([first, 0x80 | length])
    : length < 65536 ? Buffer.from([first, 0xfe, length >> 8, length & 255])
      : Buffer.from([first, 0xff, 0, 0, 0, 0, length >>> 24, length >> 16 & 255, length >> 8 & 255, length & 255]);
  // A key of zeros changes nothing; the server has the same work.
  return Buffer.concat([header, Buffer.alloc(4), payload]);
};

/** @returns {Buffer[]} plain messages, in the order they are sent */
exports.messages = (seed, size) => {
  const pick = random(seed);
  const count = Math.max(4, Math.ceil(2 * WINDOW / size));
  return Array.from({ length: count }, () => message(pick, size));
};

const room = Buffer.allocUnsafe(256 * 1024);

/**
 * Passes bytes through a raw zlib stream, at once. Node has no public way to do that with a stream
 * that goes on; this is what its own `deflateSync` does.
 * @returns {Buffer} valid until the next call
 */
exports.flush = (stream, bytes) => {
  stream._handle.writeSync(zlib.constants.Z_SYNC_FLUSH, bytes, 0, bytes.length, room, 0, room.length);
  const [left] = stream._writeState;
  if (left === 0) throw new Error('a message is larger than expected');
  return room.subarray(0, room.length - left);
};

/**
 * @param {Buffer[]} messages
 * @param {'takeover' | 'alone' | 'off'} deflate
 * @returns {Buffer[]} the frames of a client
 */
exports.frames = (messages, deflate) => {
  if (deflate === 'off') return messages.map((each) => frame(TEXT, each));
  const stream = zlib.createDeflateRaw();
  const frames = messages.map((each) => {
    if (deflate === 'alone') stream.reset();
    return frame(RSV1_TEXT, exports.flush(stream, each).subarray(0, -4));
  });
  stream.close();
  return frames;
};
