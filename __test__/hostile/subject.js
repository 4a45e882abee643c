'use strict';

// The attacked process, seen from the attacker's: commands go there, events come back.

const path = require('node:path');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { setTimeout: delay } = require('node:timers/promises');

const { PATHS } = require('./paths');

class Subject {
  /**
   * @param {string} packageName `ours`, `ws` or `original`
   * @param {string} pathName one of `PATHS`
   * @returns {Promise<Subject>} listening already, where servers are attacked
   */
  static async start(packageName, pathName) {
    const subject = new Subject(packageName, pathName);
    if (subject.path.role === 'server') subject.port = await subject.ask('listen');
    return subject;
  }

  constructor(packageName, pathName) {
    this.packageName = packageName;
    this.path = PATHS[pathName];
    this.pathName = pathName;
    /** How the process ended, or null. */
    this.death = null;
    this._asked = new Map();
    this._numbers = 0;
    this._events = new Map();
    this._waiting = new Set();
    this._stderr = '';
    this._child = fork(path.join(__dirname, 'subject_process.js'), [packageName, pathName], {
      execArgv: ['--expose-gc', '--no-deprecation'], stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    this._child.stderr.on('data', (text) => { this._stderr = (this._stderr + text).slice(-4000); });
    this._child.on('message', (message) => this._hear(message));
    // A command to a process that is just dying.
    this._child.on('error', () => {});
    this.gone = new Promise((resolve) => {
      // Not 'close', which does not come after `disconnect`.
      this._child.on('exit', async (code, signal) => {
        // What it said last is still on its way.
        if (!this._child.stderr.readableEnded) await Promise.race([once(this._child.stderr, 'end'), delay(200)]);
        this.death = signal || `exit ${code}`;
        const reason = (/^\w*Error.*$/m.exec(this._stderr) || [''])[0];
        for (const { reject } of this._asked.values()) reject(new Error(`the process died: ${this.death} ${reason}`));
        this._asked.clear();
        this._wake();
        resolve(this.death);
      });
    });
  }

  _hear({ number, result, key, event }) {
    if (number !== undefined) {
      const asked = this._asked.get(number);
      this._asked.delete(number);
      return asked && asked.resolve(result);
    }
    if (event[0] === 'made' || !this._events.has(key)) this._events.set(key, []);
    this._events.get(key).push(event);
    this._wake();
  }

  _wake() {
    for (const wake of [...this._waiting]) wake();
  }

  /** What the process died of, for people. */
  get cause() {
    const line = /^(?:Uncaught )?\w*(?:Error|panicked).*$/m.exec(this._stderr);
    return `${this.death}${line ? `: ${line[0]}` : ''}`;
  }

  ask(command, argument) {
    if (this.death !== null) return Promise.reject(new Error(`the process died: ${this.death}`));
    const number = this._numbers++;
    return new Promise((resolve, reject) => {
      this._asked.set(number, { resolve, reject });
      this._child.send({ number, command, argument });
    });
  }

  /** A number for a client that nobody else has. */
  nextKey() {
    return `client ${this._numbers++}`;
  }

  events(key) {
    return this._events.get(key) || [];
  }

  forget(key) {
    this._events.delete(key);
  }

  /**
   * Resolves with the first event of `key` that `test` holds for; with null when the process has died or the
   * time is over.
   */
  find(key, test, milliseconds) {
    return new Promise((resolve) => {
      const look = () => {
        const found = this.events(key).find(test);
        if (found === undefined && this.death === null) return;
        done(found || null);
      };
      const done = (value) => {
        clearTimeout(timer);
        this._waiting.delete(look);
        resolve(value);
      };
      const timer = setTimeout(done, milliseconds, null);
      this._waiting.add(look);
      look();
    });
  }

  async end() {
    if (this.death === null && this._child.connected) this._child.disconnect();
    const timer = setTimeout(() => this._child.kill('SIGKILL'), 5000);
    await this.gone;
    clearTimeout(timer);
  }
}

module.exports = { Subject };
