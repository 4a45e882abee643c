'use strict';

// Arguments of careless callers, by name: they cannot all be sent to the process where they are used.

const VALUES = {
  float32: () => new Float32Array([1.5, 2.5]),
  uint8: () => new Uint8Array(200).fill(7),
  'a detached ArrayBuffer': () => {
    const memory = new ArrayBuffer(8);
    structuredClone(memory, { transfer: [memory] });
    return memory;
  },
  'a detached Buffer': () => {
    const bytes = Buffer.from(new ArrayBuffer(64), 8, 16);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    return bytes;
  },
  'a shared Buffer': () => Buffer.from(new SharedArrayBuffer(16)).fill('s'),
  // Longer than its memory was left: as JavaScript sees it, empty or as long as the memory.
  'a resizable Buffer': () => {
    const memory = new ArrayBuffer(64, { maxByteLength: 128 });
    const bytes = Buffer.from(memory).fill('r');
    memory.resize(16);
    return bytes;
  },
  'a shared ArrayBuffer': () => new SharedArrayBuffer(4),
  'a proxy': () => new Proxy([], {}),
  'a bigint object': () => Object(1n),
  'no text': () => ({ toString: null, valueOf: null }),
  'text that throws': () => ({ toString() { throw new RangeError('mine'); } }),
  '300 KiB': () => Buffer.alloc(300 * 1024, 'a'),
  '200 bytes': () => Buffer.alloc(200, 'a'),
  'long text': () => 'é'.repeat(1000),
  'close code': () => 1000,
  hundred: () => 100,
  thousand: () => 1000,
  'no number': () => NaN,

  // What becomes of an argument once the call has returned.
  overwrite: (bytes) => bytes.fill(0),
  transfer: (bytes) => structuredClone(bytes.buffer, { transfer: [bytes.buffer] }),
};

module.exports = { VALUES };
