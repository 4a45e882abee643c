'use strict';

const { targets } = require('../targets');

const median = (values) => {
  const sorted = values.filter((value) => typeof value === 'number').sort((a, b) => a - b);
  if (!sorted.length) return null;
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** The median of each figure over a peer's rounds. */
const medians = ({ rounds, error }) => {
  const figures = {};
  for (const key of new Set(rounds.flatMap(Object.keys))) {
    figures[key] = median(rounds.map((round) => round[key]));
  }
  return { ...figures, count: rounds.length, error };
};

/** Rounds to medians, and the project's targets to ratios. */
exports.summarize = ({ machine, workloads }) => {
  const about = {};
  const summary = workloads.map(({ id, group, title, peers }) => {
    const figures = {};
    for (const [name, result] of Object.entries(peers)) {
      about[name] ??= result.about;
      figures[name] = medians(result);
    }
    return { id, group, title, peers: figures };
  });
  return { machine, about, workloads: summary, targets: judge(summary) };
};

exports.ratio = (workload, metric, peer, versus) => {
  const a = workload.peers[peer]?.[metric];
  const b = workload.peers[versus]?.[metric];
  return typeof a === 'number' && b > 0 ? a / b : null;
};

const judge = (workloads) => targets.flatMap((target) => {
  const workload = workloads.find(({ id }) => id === target.workload);
  if (!workload) return [];
  const value = exports.ratio(workload, target.metric, target.peer, target.versus);
  if (value === null) return [];
  const met = target.limit === null ? null : value <= target.limit;
  return [{ ...target, group: workload.group, title: workload.title, value, met }];
});
