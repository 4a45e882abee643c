'use strict';

// A Redis server of a test's own, on a Unix socket, which can be stopped and started again.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');

const COMMAND = process.env.REDIS_SERVER || 'redis-server';

/** Why there is none, or false. */
const skip = spawnSync(COMMAND, ['--version']).status === 0 ? false : `no ${COMMAND}: of Debian's package redis-server`;

class RedisServer {
  /** @returns {Promise<RedisServer>} which ends with the test */
  static async start(t) {
    const server = new RedisServer();
    server.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'faye-websocket-redis-'));
    server.socket = path.join(server.folder, 'redis.sock');
    await server.start();
    t.after(async () => {
      await server.stop();
      fs.rmSync(server.folder, { recursive: true, force: true });
    });
    return server;
  }

  async start() {
    const args = ['--port', '0', '--unixsocket', this.socket, '--save', '', '--dir', this.folder];
    this.child = spawn(COMMAND, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const text of this.child.stdout) if (/[Rr]eady to accept connections/.test(text)) break;
    const socket = net.connect(this.socket);
    await once(socket, 'connect');
    socket.destroy();
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}

module.exports = { RedisServer, skip };
