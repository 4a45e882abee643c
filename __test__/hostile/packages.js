'use strict';

// The packages that can be attacked, behind one interface: what a row asks for is said in this file's words and
// put into each package's own. Runs in the attacked process.

const deflatePlugin = () => require('permessage-deflate');

/** Drops what was not asked for. */
function given(options) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** faye-websocket's API: this package's and the original's. */
function faye(WebSocket, isOurs) {
  const options = (settings, path) => given({
    ...(isOurs ? path : {}),
    headers: settings.headers,
    maxLength: settings.maxLength,
    deflate: isOurs && settings.deflate ? true : undefined,
    extensions: settings.plugin || !isOurs && settings.deflate ? [deflatePlugin()] : undefined,
    ...(isOurs ? { nativeDeflate: settings.foreign ? false : undefined } : {}),
  });
  const listen = (ws, tell) => {
    ws.on('open', () => tell('open'));
    ws.on('message', ({ data }) => tell('message', data));
    ws.on('error', ({ message }) => tell('error', message));
    ws.on('close', ({ code, reason }) => tell('close', code, reason));
  };
  return {
    accept(request, socket, head, settings, path, tell) {
      const ws = new WebSocket(request, socket, head, settings.protocols, options(settings, path));
      if (!settings.unheard) listen(ws, tell);
      tell('made', typeof ws.url);
      return ws;
    },
    dial(url, protocols, settings, path, tell) {
      const { tls, proxy, handshakeTimeout } = settings;
      const ws = new WebSocket.Client(url, protocols, {
        ...options(settings, path), ...given({ tls, proxy, handshakeTimeout: isOurs ? handshakeTimeout : undefined }),
      });
      if (!settings.unheard) listen(ws, tell);
      return ws;
    },
    eventSource(request, response, tell) {
      if (!WebSocket.EventSource.isEventSource(request)) return null;
      const source = new WebSocket.EventSource(request, response);
      source.on('close', () => tell('close'));
      tell('made', source.lastEventId);
      return source;
    },
    kill: (ws) => ws._stream && ws._stream.destroy(),
  };
}

/** The API of `ws`. */
function ws(module) {
  const options = ({ maxLength = 67108863, deflate, plugin, headers }) => given({
    maxPayload: maxLength, perMessageDeflate: Boolean(deflate || plugin), headers,
  });
  const listen = (socket, tell) => {
    socket.on('message', (data, isBinary) => tell('message', isBinary ? data : String(data)));
    socket.on('error', ({ message }) => tell('error', message));
    socket.on('close', (code, reason) => tell('close', code, String(reason)));
  };
  return {
    accept(request, socket, head, settings, path, tell) {
      tell('made', 'string');
      const { protocols } = settings;
      const server = new module.WebSocketServer({
        noServer: true,
        ...options(settings),
        handleProtocols: (offered) => [...offered].find((name) => protocols && protocols.includes(name)) || false,
      });
      server.handleUpgrade(request, socket, head, (accepted) => {
        if (!settings.unheard) listen(accepted, tell);
        tell('accepted', accepted);
        tell('open');
      });
      return null;
    },
    dial(url, protocols, settings, path, tell) {
      const socket = new module.WebSocket(url, protocols, {
        ...options(settings), ...given({ handshakeTimeout: settings.handshakeTimeout && settings.handshakeTimeout * 1000 }), ...settings.tls,
      });
      socket.on('open', () => tell('open'));
      if (!settings.unheard) listen(socket, tell);
      return socket;
    },
    eventSource: () => null,
    kill: (socket) => socket.terminate(),
  };
}

const PACKAGES = {
  ours: () => faye(require('../support/package_under_test').WebSocket, true),
  original: () => faye(require('faye-websocket'), false),
  ws: () => ws(require('ws')),
};

module.exports = { PACKAGES };
