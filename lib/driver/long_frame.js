'use strict';

const FIN = 0x80;
/** Bytes of a header with the longest form of a length and no mask. */
const HEADER_BYTES = 10;

/** Memory for an unmasked frame of at least 65,536 bytes, with its header (RFC 6455 section 5.2). */
function longFrame(opcode, length) {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame[0] = FIN | opcode;
  frame[1] = 127;
  frame.writeUInt32BE(Math.floor(length / 0x100000000), 2);
  frame.writeUInt32BE(length % 0x100000000, 6);
  return frame;
}

/** The frame of a message, as a copy: the caller may overwrite its buffer at once. */
function bytesFrame(opcode, payload) {
  const frame = longFrame(opcode, payload.length);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** The frame of a text that is `size` bytes long in UTF-8. */
function textFrame(opcode, text, size) {
  const frame = longFrame(opcode, size);
  write(frame, HEADER_BYTES, text, size);
  return frame;
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

module.exports = { bytesFrame, textFrame, encode };
