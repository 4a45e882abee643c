'use strict';

/** Bytes left free in front of a message for its header, which the native side writes there. */
const HEADER_ROOM = 14;

/** A message behind room for its header: a copy, as the caller may overwrite its buffer at once. */
function bytesIn(payload) {
  const memory = Buffer.allocUnsafe(HEADER_ROOM + payload.length);
  memory.set(payload, HEADER_ROOM);
  return memory;
}

/** A text, `size` bytes long in UTF-8, behind room for its header. */
function textIn(text, size) {
  const memory = Buffer.allocUnsafe(HEADER_ROOM + size);
  write(memory, HEADER_ROOM, text, size);
  return memory;
}

/** A text that is `size` bytes long in UTF-8. */
function encode(text, size) {
  const bytes = Buffer.allocUnsafe(size);
  write(bytes, 0, text, size);
  return bytes;
}

function write(bytes, offset, text, size) {
  // As many bytes as characters: ASCII, which needs no encoding.
  if (size === text.length) bytes.latin1Write(text, offset);
  else bytes.utf8Write(text, offset);
}

module.exports = { HEADER_ROOM, bytesIn, textIn, encode };
