'use strict';

/** An SVG of the headline workloads: one panel each, one bar per peer. Light and dark. */

const { peers } = require('../peers');
const { groups } = require('../workloads');

const HEADLINES = [
  'echo-64-d1-text', 'echo-64-d16-text', 'echo-1k-d1-text', 'echo-16k-d1-binary',
  'echo-1m-d1-binary', 'broadcast', 'connect', 'wss-64-d1-text'
];
const COLUMNS = 2;
const PANEL = { width: 440, title: 34, bar: 16, gap: 6, label: 150, value: 64, margin: 16 };
const HEAD = 64;

const STYLE = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #57606a; }
  .heading { font-size: 16px; font-weight: 600; fill: #1f2328; }
  .title { font-size: 13px; font-weight: 600; fill: #1f2328; }
  .bar { fill: #afb8c1; }
  .ours { fill: #bc4c00; }
  .strong { fill: #1f2328; font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1; }
    .heading, .title, .strong { fill: #f0f6fc; }
    .bar { fill: #545d68; }
    .ours { fill: #f0883e; }
  }`;

const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const text = (x, y, value, name = '', anchor = 'start') =>
  `<text x="${x}" y="${y}" class="${name}" text-anchor="${anchor}">${escape(value)}</text>`;
const micros = (value) =>
  (value >= 1000 ? `${(value / 1000).toPrecision(3)} ms` : `${value.toPrecision(3)} µs`);

const panel = ({ group, title, peers: figures }, x, y) => {
  const rows = Object.keys(peers).filter((name) => figures[name]?.cpuUs > 0);
  const most = Math.max(...rows.map((name) => figures[name].cpuUs));
  const room = PANEL.width - PANEL.label - PANEL.value - 2 * PANEL.margin;
  const parts = [text(x, y + 16, `${groups[group].title.split(' (')[0]}: ${title}`, 'title')];
  rows.forEach((name, index) => {
    const top = y + PANEL.title + index * (PANEL.bar + PANEL.gap);
    const ours = name.startsWith('ours');
    const value = figures[name].cpuUs;
    const width = Math.max(2, (value / most) * room).toFixed(1);
    const left = x + PANEL.label + 8;
    const base = top + PANEL.bar - 4;
    const label = peers[name].title.replace('faye-websocket-rs, streams only', '… streams only');
    parts.push(
      text(x + PANEL.label, base, label, ours ? 'strong' : '', 'end'),
      `<rect x="${left}" y="${top}" width="${width}" height="${PANEL.bar}" rx="2" class="${ours ? 'ours' : 'bar'}"/>`,
      text(left + Number(width) + 6, base, micros(value), ours ? 'strong' : '')
    );
  });
  return parts.join('\n');
};

/** @returns {string} the chart; a heading alone when no headline workload has run */
exports.chart = ({ machine, workloads }) => {
  const shown = HEADLINES.map((id) => workloads.find((each) => each.id === id)).filter(Boolean);
  const height = PANEL.title + Object.keys(peers).length * (PANEL.bar + PANEL.gap) + PANEL.margin;
  const width = COLUMNS * PANEL.width + PANEL.margin;
  const total = HEAD + Math.ceil(shown.length / COLUMNS) * height;
  const panels = shown.map((workload, index) => panel(
    workload,
    PANEL.margin + (index % COLUMNS) * PANEL.width,
    HEAD + Math.floor(index / COLUMNS) * height
  ));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" width="${width}" height="${total}" role="img" aria-label="CPU time per message">
<style>${STYLE}
</style>
${text(PANEL.margin, 26, 'CPU time of the server per message (less is better)', 'heading')}
${text(PANEL.margin, 46, `${machine.date}, Node ${machine.node}, ${machine.system}`)}
${panels.join('\n')}
</svg>
`;
};
