'use strict';

// Threads and processes that serve subscribers, and what their peers are sent.

const assert = require('node:assert');
const path = require('node:path');
const { fork } = require('node:child_process');
const { EventEmitter, once } = require('node:events');
const { Worker } = require('node:worker_threads');

const { dir } = require('./package_under_test');
const { dial } = require('./sides');
const { TEXT, BINARY } = require('./frames');
const handshakes = require('./handshakes');

const FIXTURE = path.join(__dirname, '..', 'fixtures', 'topic_thread.js');

/** The next messages that a peer was sent. */
async function messages(peer, many) {
  const got = [];
  for (let i = 0; i < many; i++) {
    const { opcode, payload } = await peer.frame();
    assert.ok(opcode === TEXT || opcode === BINARY, `opcode ${opcode}`);
    got.push(opcode === TEXT ? payload.toString() : payload);
  }
  return got;
}

/** A thread or a process of topic_thread.js. */
class Side extends EventEmitter {
  /** @param {object} options `isProcess`, and others as topic_thread.js takes them */
  static async start(t, { isProcess = false, ...options } = {}) {
    const data = { dir, ...options };
    const child = isProcess ? fork(FIXTURE, [JSON.stringify(data)]) : new Worker(FIXTURE, { workerData: data });
    const side = new Side();
    side.post = (message) => (isProcess ? child.send(message) : child.postMessage(message));
    side.ended = new Promise((resolve) => child.once('exit', resolve));
    child.on('message', (message) => {
      if (message.bus) side.emit('bus', message.bus);
      else if (message.told) side.emit(message.told);
      else side.emit('answer', message);
    });
    child.on('error', (error) => side.emit('error', error));
    t.after(() => (isProcess ? child.kill('SIGKILL') : child.terminate()));
    const [{ port }] = await once(side, 'answer');
    side.port = port;
    return side;
  }

  /** Resolves when the adapter says so. */
  told(event) {
    return once(this, event);
  }

  async ask(ask, argument) {
    this.post({ ask, argument });
    const [{ answer }] = await once(this, 'answer');
    return answer;
  }
}

/** A peer that has subscribed to a topic where `port` is served. */
function subscriber(t, port, topic) {
  return dial(t, port, handshakes.request({}, { path: `/${topic}` }));
}

const numbered = (name, many) => Array.from({ length: many }, (_, i) => `${name} ${i}`);

module.exports = { FIXTURE, Side, messages, numbered, subscriber };
