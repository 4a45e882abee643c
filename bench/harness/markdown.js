'use strict';

const { peers } = require('../peers');
const { groups } = require('../workloads');
const { ratio } = require('./summary');

/** A generator that was this busy may have been what limited the throughput. */
const BUSY = 0.9;

const METRICS = {
  cpuUs: 'CPU', rssBytes: 'memory', p50Us: 'p50 latency', p99Us: 'p99 latency'
};

const figure = (value) => {
  if (value === null || value === undefined) return '–';
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value.toPrecision(3);
};
const rate = (value) => {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  return value >= 1e4 ? `${(value / 1e3).toFixed(0)} k` : figure(value);
};
const times = (value) => (value === null ? '–' : `${value.toFixed(2)} ×`);

const table = (head, rows) => [
  `| ${head.join(' | ')} |`,
  `|${head.map((_, index) => (index ? '--:' : '---')).join('|')}|`,
  ...rows.map((row) => `| ${row.join(' | ')} |`)
].join('\n');

const cell = (peer, metric, show) => {
  if (!peer) return '–';
  if (peer.error) return 'failed';
  const text = show(peer[metric]);
  return metric === 'perSecond' && peer.generatorBusy > BUSY ? `${text}*` : text;
};

/** The peers whose figures are divided, where a run has both. */
const PAIRS = [
  ['ours', 'ws'], ['ours', 'original'], ['ours', 'net'], ['ours', 'before'], ['oursStream', 'beforeStream']
];

/** One table of one figure for a group's workloads, with ours against the others. */
const figures = (workloads, names, label, metric, show, ratios) => {
  const shown = ratios ? PAIRS.filter((pair) => pair.every((name) => names.includes(name))) : [];
  return table(
    [label, ...names.map((name) => peers[name].title),
      ...shown.map(([ours, other]) => `${ours} : ${peers[other].title}`)],
    workloads.map((workload) => [
      workload.title,
      ...names.map((name) => cell(workload.peers[name], metric, show)),
      ...shown.map(([ours, other]) => times(ratio(workload, metric, ours, other)))
    ])
  );
};

const TABLES = {
  idle: [
    ['Resident bytes per connection', 'rssBytes', figure, true],
    ['of these on the JavaScript heap', 'heapBytes', figure, false]
  ],
  latency: [
    ['p50, µs', 'p50Us', figure, true],
    ['p99, µs', 'p99Us', figure, true],
    ['CPU µs per message', 'cpuUs', figure, true]
  ],
  other: [
    ['CPU µs per message', 'cpuUs', figure, true],
    ['Messages per second', 'perSecond', rate, false]
  ]
};

const section = (group, workloads) => {
  const { title, note } = groups[group];
  const names = Object.keys(peers).filter((name) => workloads.some((each) => each.peers[name]));
  const tables = (TABLES[group] || TABLES.other).map(([label, ...rest]) =>
    figures(workloads, names, label, ...rest));
  return [`## ${title}`, ...(note ? [note] : []), ...tables].join('\n\n');
};

const targetSection = (targets) => {
  const rows = targets.map(({ group, title, metric, peer, versus, limit, value, met }) => [
    `${groups[group].title}: ${title}`,
    `${METRICS[metric]}, ${peers[peer].title} : ${peers[versus].title}`,
    limit === null ? 'the floor' : `≤ ${limit}`,
    value.toFixed(2),
    met === null ? '' : met ? 'met' : '**missed**'
  ]);
  const judged = targets.filter(({ met }) => met !== null);
  const met = judged.filter((target) => target.met).length;
  return [
    '## Targets',
    `${met} of ${judged.length} met.`,
    table(['workload', 'ratio of', 'target', 'measured', ''], rows)
  ].join('\n\n');
};

const conditions = ({ machine, about, workloads }) => {
  const counts = workloads.flatMap(({ peers: figures }) =>
    Object.values(figures).filter(({ error }) => !error).map(({ count }) => count));
  const versions = Object.entries(about).filter(([, value]) => value && Object.keys(value).length)
    .map(([name, value]) => `${peers[name].title} ${JSON.stringify(value)}`);
  return [
    `${machine.date}, Node ${machine.node}, ${machine.system}, ${machine.processor}. ` +
      `${machine.pinned ? 'Server and load generator on a core each' : 'Cores not pinned'}; ` +
      `load before the run ${machine.load.toFixed(1)}. ` +
      `Whole run: ${machine.seconds} s${machine.options ? ` (\`${machine.options}\`)` : ''}.`,
    'CPU is what the whole server process used, user and system, per message; figures are ' +
      `medians of ${Math.min(...counts)} to ${Math.max(...counts)} interleaved rounds. ` +
      'Ratios count, not absolutes: less is better. ' +
      '`*`: the load generator was nearly as busy as its core allows, so the server may ' +
      'have been able to do more.',
    `Servers: ${versions.join('; ')}.`
  ].join('\n\n');
};

/** The whole report. */
exports.markdown = (summary) => {
  const sections = Object.keys(groups)
    .map((group) => [group, summary.workloads.filter((each) => each.group === group)])
    .filter(([, workloads]) => workloads.length)
    .map(([group, workloads]) => section(group, workloads));
  const failures = summary.workloads.flatMap(({ id, peers: figures }) =>
    Object.entries(figures).filter(([, { error }]) => error)
      .map(([name, { error }]) => `- ${id}, ${peers[name].title}: ${error.split('\n')[0]}`));
  return `${[
    '# Benchmark results',
    conditions(summary),
    '![CPU per message](chart.svg)',
    ...(summary.targets.length ? [targetSection(summary.targets)] : []),
    ...sections,
    ...(failures.length ? ['## Failures', failures.join('\n')] : [])
  ].join('\n\n')}\n`;
};
