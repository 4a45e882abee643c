'use strict';

// The process that is attacked. It does what its parent asks, and tells what its connections' listeners hear.
//
//   fork('subject_process.js', [package, path])

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const path = require('node:path');
const { createHash } = require('node:crypto');
const { monitorEventLoopDelay } = require('node:perf_hooks');

const { PACKAGES } = require('./packages');
const { PATHS } = require('./paths');
const { VALUES } = require('./values');

const [, , packageName, pathName] = process.argv;
const subject = PACKAGES[packageName]();
const { secure, settings: pathSettings } = PATHS[pathName];
const tlsFile = (name) => fs.readFileSync(path.join(__dirname, '../fixtures/tls', name));

/** Connections by what the parent calls them: a client's number, or the port of a server's peer. */
const connections = new Map();
let settings = {};

/** The part of a message that tells it from others. */
function digest(data) {
  const bytes = Buffer.from(data);
  return {
    type: typeof data === 'string' ? 'text' : 'binary',
    length: data.length,
    start: typeof data === 'string' ? data.slice(0, 40) : bytes.toString('hex', 0, 20),
    hash: bytes.length > 1000 ? createHash('sha1').update(bytes).digest('hex') : undefined,
  };
}

/** What a connection's listeners hear goes to the parent. */
function teller(key) {
  return (type, ...rest) => {
    if (type === 'accepted') return connections.set(key, rest[0]);
    if (type === 'close') connections.delete(key);
    if (type !== 'message') return process.send({ key, event: [type, ...rest] });
    const [data] = rest;
    process.send({ key, event: [type, digest(data)] });
    if (typeof data === 'string' && data.startsWith('echo ')) connections.get(key).send(data);
  };
}

function keep(key, connection) {
  if (connection !== null) connections.set(key, connection);
}

function accept(request, socket, head) {
  // Node's stream for a request whose body has not arrived has no port.
  const key = request.socket.remotePort;
  const tell = teller(key);
  try {
    keep(key, subject.accept(request, socket, head, settings, pathSettings, tell));
  } catch (error) {
    tell('threw', error.name, error.message);
    socket.destroy();
  }
}

function answer(request, response) {
  const key = request.socket.remotePort;
  // A request without the headers that make Node emit 'upgrade'.
  if (settings.construct) return accept(request, request.socket, Buffer.alloc(0));
  const source = subject.eventSource(request, response, teller(key));
  if (source) return keep(key, source);
  response.end('HTTP');
}

function memory() {
  for (let i = 0; i < 2; i++) if (global.gc) global.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external };
}

/** The highest resident size since the last reset, in bytes; Linux keeps it. */
function peak() {
  try {
    return 1024 * Number(/VmHWM:\s*(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]);
  } catch {
    return process.memoryUsage().rss;
  }
}

function resetPeak() {
  try {
    fs.writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Elsewhere than on Linux the peak is the present size.
  }
}

const delay = monitorEventLoopDelay({ resolution: 1 });

const commands = {
  listen() {
    const server = secure
      ? https.createServer({ cert: tlsFile('server.crt'), key: tlsFile('server.key') })
      : http.createServer();
    server.on('upgrade', accept);
    server.on('request', answer);
    server.on('clientError', (error, socket) => {
      // As Node answers by itself. The attacker hangs up: what is destroyed while bytes still come is reset, and a reset
      // may overtake the answer.
      const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
      // It comes again for what is still read behind the answer, and for a connection that was reset.
      if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    });
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
  },
  set(next) {
    settings = next;
  },
  dial({ key, url, protocols, settings: own }) {
    const options = { ...own };
    if (secure) options.tls = { ca: tlsFile('ca.crt') };
    try {
      keep(key, subject.dial(url, protocols, options, pathSettings, teller(key)));
      return null;
    } catch (error) {
      return { threw: error.name, message: error.message };
    }
  },
  /** Calls a method of a connection with arguments named in values.js. */
  call({ key, method, values, after }) {
    const connection = connections.get(key);
    const arguments_ = values.map((name) => {
      if (name === 'a callback') return () => process.send({ key, event: ['called'] });
      return Object.hasOwn(VALUES, name) ? VALUES[name]() : name;
    });
    try {
      const result = connection[method](...arguments_);
      for (const change of after ? arguments_ : []) VALUES[after](change);
      return { returned: typeof result === 'boolean' ? result : undefined };
    } catch (error) {
      return { threw: error.name, message: error.message };
    }
  },
  kill({ key }) {
    subject.kill(connections.get(key));
  },
  begin() {
    const before = memory();
    resetPeak();
    delay.reset();
    delay.enable();
    return before;
  },
  memory,
  /** Milliseconds of CPU time so far. */
  cpu() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  finish() {
    delay.disable();
    const highest = peak();
    return { block: delay.max / 1e6, peak: highest, after: memory(), connections: connections.size };
  },
  descriptors: () => fs.readdirSync('/proc/self/fd').length,
};

process.on('message', async ({ number, command, argument }) => {
  const result = await commands[command](argument);
  process.send({ number, result });
});
process.on('disconnect', () => process.exit(0));
