'use strict';

// What a process holds, told to its parent when asked.

const fs = require('node:fs');

function count(folder) {
  try {
    return fs.readdirSync(folder).length;
  } catch {
    return 0; // not Linux
  }
}

function sample(extra) {
  global.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external, descriptors: count('/proc/self/fd'), threads: count('/proc/self/task'), ...extra() };
}

/** Answers each `sample` of the parent; the process ends with it. */
function answerSamples(extra = () => ({})) {
  process.on('message', (message) => {
    if (message === 'sample') process.send({ sample: sample(extra) });
  });
  process.on('disconnect', () => process.exit(0));
}

module.exports = { answerSamples };
