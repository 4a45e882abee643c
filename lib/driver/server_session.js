'use strict';

const { native, channel } = require('./session');
const { protocolList, maxLength } = require('./session_options');

/** Request headers a handshake of any version looks at. */
const HANDSHAKE_HEADERS = [
  'connection', 'upgrade', 'origin', 'sec-websocket-version', 'sec-websocket-key', 'sec-websocket-key1',
  'sec-websocket-key2', 'sec-websocket-protocol', 'sec-websocket-extensions',
];

/**
 * A native session for a request that asks for an upgrade. `version` forces 'hybi', 'hixie-76' or
 * 'hixie-75'; without it the request's headers decide.
 */
function serverSession(request, url, options, version) {
  const headers = [];
  for (const name of HANDSHAKE_HEADERS) {
    const value = request.headers[name];
    if (value !== undefined) headers.push(name, String(value));
  }
  return native.Session.server(channel, {
    method: String(request.method),
    target: String(request.url),
    url: String(url),
    headers,
    protocols: protocolList(options.protocols),
    maxLength: maxLength(options.maxLength),
    allowDrafts: options.allowDrafts !== false,
    requireMasking: !!options.requireMasking,
    masking: !!options.masking,
    version,
  });
}

module.exports = serverSession;
