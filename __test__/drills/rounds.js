'use strict';

// Threads with traffic that begin and are terminated, in a process of its own: fork('rounds.js', [name, rounds]).
// Ends with 0 when everything has ended, and in no other way.

const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { once } = require('node:events');

const { load, traffic } = require('./traffic');

const [, , name, roundsText] = process.argv;
const rounds = Number(roundsText);

/** Tells the parent that it goes on. */
function progress(what) {
  process.send(what);
}

/** A thread whose traffic has begun. */
async function begun(workerData = {}) {
  const worker = new Worker(path.join(__dirname, 'worker.js'), { workerData });
  worker.on('error', (error) => { throw error; });
  await once(worker, 'message');
  progress('begun');
  return worker;
}

async function ended(worker) {
  const code = await worker.terminate();
  if (code !== 1) throw new Error(`a terminated thread ended with ${code}`);
  progress('ended');
}

const delay = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** `rounds` threads at once. They leave each other time to begin, and then nobody any. */
async function crowd() {
  const workers = await Promise.all(Array.from({ length: rounds }, () => begun({ clients: 1, pace: 1000 })));
  for (const worker of workers) worker.postMessage('faster');
  await delay(300);
  return workers;
}

const drills = {
  /** One after the other, each ended after another time. */
  async rounds() {
    for (let i = 0; i < rounds; i++) {
      const worker = await begun({ clients: 2 });
      await delay(i % 7);
      await ended(worker);
    }
  },
  /** Before its traffic has begun, wherever it is by then. */
  async early() {
    for (let i = 0; i < rounds; i++) {
      const worker = new Worker(path.join(__dirname, 'worker.js'), { workerData: { clients: 2 } });
      await delay((i * 3) % 60);
      await worker.terminate();
      progress('ended');
    }
  },
  /** While messages are inflated and compressed on other threads. */
  async inflating() {
    for (let i = 0; i < rounds; i++) {
      const worker = await begun({ clients: 3, inflates: true });
      await delay(i % 11);
      await ended(worker);
    }
  },
  /** Through two copies of the package in one thread. */
  async copies() {
    for (let i = 0; i < rounds; i++) {
      const worker = await begun({ clients: 3, copies: 2 });
      await delay(i % 5);
      await ended(worker);
    }
  },
  /** `rounds` threads that are all terminated in one turn, and until then all busy. */
  async together() {
    const workers = await crowd();
    await Promise.all(workers.map(ended));
  },
  /** As many that the end of the process ends. */
  'exit-together': crowd,
  /** Eight threads beside the main one, all busy at once; the main one goes on when they are gone. */
  async beside() {
    const own = await traffic(load());
    for (let i = 0; i < rounds; i++) {
      const workers = await Promise.all(Array.from({ length: 8 }, () => begun()));
      await delay(50);
      await Promise.all(workers.map(ended));
      const before = own.messages();
      while (own.messages() === before) await delay(1);
    }
  },
  /** process.exit() in the middle of it all, threads and inflation included. */
  async exit() {
    await traffic(load(), { inflates: true });
    await Promise.all([begun(), begun({ inflates: true }), begun({ copies: 2 })]);
  },
};

drills[name]().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(2);
});
