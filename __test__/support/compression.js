'use strict';

// permessage-deflate as bytes, compressed by Node's zlib.

const zlib = require('node:zlib');

const { masked } = require('./frames');
const { openServer } = require('./sides');
const { request } = require('./handshakes');

const RSV1 = 4;
const EXTENSIONS = 'Sec-WebSocket-Extensions';
const TAKEOVER_OFF = { noContextTakeover: true, requestNoContextTakeover: true };

/** An open server of ours with a raw client that has offered `offer`. */
function deflatingServer(t, settings, offer = 'permessage-deflate') {
  return openServer(t, { settings, head: request({ [EXTENSIONS]: offer || undefined }) });
}

/** The compressed payload of one message. */
function compress(data, options) {
  const bytes = zlib.deflateRawSync(data, { finishFlush: zlib.constants.Z_SYNC_FLUSH, ...options });
  return bytes.subarray(0, -4);
}

function compressed(opcode, payload, options) {
  return masked(opcode, payload, { rsv: RSV1, ...options });
}

module.exports = { RSV1, EXTENSIONS, TAKEOVER_OFF, deflatingServer, compress, compressed };
