'use strict';

/** What the project holds itself to, as ratios within one run. */

const cpu = 'cpuUs';
const every = (prefix, sizes, depth, kinds) =>
  sizes.flatMap((size) => kinds.map((kind) => `${prefix}-${size}-d${depth}-${kind}`));
const small = every('echo', ['64', '1k'], 1, ['text', 'binary']);
const pipelined = every('echo', ['64'], 16, ['text', 'binary']);
const large = every('echo', ['16k', '128k', '1m'], 1, ['binary']);

const target = (workloads, peer, versus, limit, metric = cpu) =>
  workloads.map((workload) => ({ workload, peer, versus, limit, metric }));

exports.targets = [
  ...target(small, 'ours', 'ws', 0.55),
  ...target(small, 'ours', 'original', 0.3),
  ...target(small, 'ours', 'net', 0.65),
  ...target(pipelined, 'ours', 'ws', 0.12),
  ...target(pipelined, 'ours', 'original', 0.08),
  // A floor, not a goal: raw sockets parse nothing.
  ...target(pipelined, 'ours', 'net', null),
  ...target(large, 'ours', 'ws', 0.7),
  ...target(large, 'ours', 'net', 1),
  ...target([...small, ...large], 'oursStream', 'ws', 1),
  ...target(pipelined, 'oursStream', 'ws', 0.25),
  ...target(['wss-64-d1-text', 'wss-16k-d1-binary', 'wss-128k-d1-binary'], 'ours', 'ws', 1),
  ...target(['wss-64-d16-text'], 'ours', 'ws', 0.25),
  ...target(['broadcast'], 'ours', 'ws', 0.15),
  ...target(['idle'], 'ours', 'ws', 1, 'rssBytes'),
  ...target(['latency'], 'ours', 'ws', 1, 'p50Us'),
  ...target(['latency'], 'ours', 'ws', 1, 'p99Us')
];
