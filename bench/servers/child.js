'use strict';

/**
 * What every server of the benchmark shares: it listens on a port the system chooses, tells the
 * harness which, and answers `sample` with what it has used so far.
 *
 * Environment: `BENCH_TASK` is `echo` or `broadcast`; `BENCH_TLS` is a directory holding
 * cert.pem and key.pem, for wss; `BENCH_BROADCAST` is `{ size, perTurn, connections }`
 * as JSON.
 */

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const path = require('node:path');

/** Larger than the largest message of any workload. */
exports.MAX_LENGTH = 600 * 1024 * 1024;

exports.task = process.env.BENCH_TASK || 'echo';

/** What to push, how many times per request, and to how many connections. */
exports.broadcast = () => {
  const { size, perTurn, connections } = JSON.parse(process.env.BENCH_BROADCAST);
  return { message: 'x'.repeat(size), perTurn, connections };
};

const tlsOptions = () => {
  const directory = process.env.BENCH_TLS;
  if (!directory) return null;
  const read = (name) => fs.readFileSync(path.join(directory, name));
  return { cert: read('cert.pem'), key: read('key.pem') };
};
exports.tlsOptions = tlsOptions;

/** An HTTP or HTTPS server for the upgrade request. */
exports.createHttpServer = () => {
  const options = tlsOptions();
  return options ? https.createServer(options) : http.createServer();
};

/**
 * CPU time of the JavaScript thread in nanoseconds, or null. The rest of the process is the
 * garbage collector's threads, the JIT's and libuv's pool.
 */
const mainThreadNs = () => {
  try {
    const schedstat = fs.readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8');
    return Number(schedstat.split(' ')[0]);
  } catch {
    return null;
  }
};

const collectGarbage = async () => {
  for (let i = 0; i < 3; i++) {
    global.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

/**
 * Starts to serve the harness.
 * @param {import('net').Server} server
 * @param {object} [about] versions and settings worth printing
 */
exports.serve = (server, about = {}) => {
  let connections = 0;
  server.on('connection', (socket) => {
    connections++;
    socket.once('close', () => connections--);
  });

  process.on('message', async ({ collect }) => {
    if (collect) await collectGarbage();
    const { rss, heapUsed, external } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    process.send({
      cpuUs: user + system,
      mainThreadNs: mainThreadNs(),
      rss,
      heap: heapUsed + external,
      connections
    });
  });
  process.on('disconnect', () => process.exit());

  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
    process.send({ port: server.address().port, about });
  });
};
