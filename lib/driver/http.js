'use strict';

const { native, VERSIONS } = require('./session');
const HybiServer = require('./hybi_server');
const { Draft75, Draft76 } = require('./hixie');
const serverSession = require('./server_session');

/** Whether the request came over TLS, as far as it tells: itself, or through a proxy's headers. */
function isSecureRequest(request) {
  const { connection, socket, headers } = request;
  if (connection && connection.authorized !== undefined) return true;
  if (socket && socket.secure) return true;
  if (!headers) return false;
  return headers['https'] === 'on' ||
    headers['x-forwarded-ssl'] === 'on' ||
    headers['x-forwarded-scheme'] === 'https' ||
    headers['x-forwarded-proto'] === 'https';
}

function isWebSocket(request) {
  return native.isWebSocket(request.method, request.headers.connection || '', request.headers.upgrade || '');
}

/** The driver of the version that the request asks for. */
function http(request, options) {
  const url = (isSecureRequest(request) ? 'wss:' : 'ws:') + '//' + request.headers.host + request.url;
  if (options.requireMasking === undefined) options = { requireMasking: true, ...options };
  const session = serverSession(request, url, options);
  switch (VERSIONS[native.sessionVersion(session)]) {
    case 'hixie-75': return new Draft75(request, url, options, session);
    case 'hixie-76': return new Draft76(request, url, options, session);
    default: return new HybiServer(request, url, options, session);
  }
}

module.exports = { http, isSecureRequest, isWebSocket };
