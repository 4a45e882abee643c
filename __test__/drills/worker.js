'use strict';

// A thread with traffic that says when it has begun, and goes on as fast as it can once it is told to. `workerData`:
// options of `traffic`, and how many copies of the package it comes through.

const { parentPort, workerData } = require('node:worker_threads');

const { load, traffic } = require('./traffic');

async function main() {
  const { copies = 1, ...options } = workerData;
  for (let i = 0; i < copies; i++) await traffic(load(i > 0), options);
  parentPort.on('message', () => { delete options.pace; });
  parentPort.postMessage('begun');
}

main();
