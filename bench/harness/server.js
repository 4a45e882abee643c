'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');

const { pinned } = require('./cores');

const SERVERS = path.join(__dirname, '..', 'servers');

/** A peer's server in a process of its own. */
class Server {
  /**
   * @param {object} peer an entry of peers.js
   * @param {object} workload an entry of workloads.js
   * @param {{ core?: number, certificate: string }} place
   */
  static async start(peer, workload, { core, certificate }) {
    const { mode, size, perTurn, connections, tls } = workload.spec;
    const command = pinned(core, [
      process.execPath, '--expose-gc', path.join(SERVERS, peer.script), ...(peer.args || [])
    ]);
    const child = spawn(command[0], command.slice(1), {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: {
        ...process.env,
        ...peer.env,
        BENCH_TASK: mode === 'broadcast' ? 'broadcast' : 'echo',
        BENCH_BROADCAST: JSON.stringify({ size, perTurn, connections }),
        BENCH_TLS: tls ? certificate : ''
      }
    });
    const server = new Server(child);
    const { port, about } = await server.#reply();
    server.port = port;
    server.about = about;
    return server;
  }

  #child;
  #stderr = '';

  constructor(child) {
    this.#child = child;
    child.stderr.on('data', (text) => { this.#stderr += text; });
  }

  /** The process, for those who talk to it in words of their own. */
  get process() {
    return this.#child;
  }

  async #reply() {
    const abort = new AbortController();
    const { signal } = abort;
    try {
      const [message] = await Promise.race([
        once(this.#child, 'message', { signal }),
        once(this.#child, 'close', { signal }).then(() => {
          throw new Error(`the server ended: ${this.#stderr.trim() || 'no reason given'}`);
        })
      ]);
      return message;
    } finally {
      abort.abort();
    }
  }

  /**
   * What the process has used until now.
   * @param {{ collect?: boolean }} [options] collect garbage first
   */
  sample({ collect = false } = {}) {
    const reply = this.#reply();
    if (this.#child.connected) this.#child.send({ collect });
    return reply;
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }
}

exports.Server = Server;
