'use strict';

/**
 * An SVG of what the package costs beside ws, both as a share of what faye-websocket costs: rows that
 * we win, and rows that we lose. Light and dark.
 */

const { groups } = require('../workloads');

const ROWS = [
  'echo-64-d1-text', 'echo-1k-d1-text', 'echo-64-d16-text', 'echo-16k-d1-binary', 'echo-1m-d1-binary', 'broadcast',
  'wss-64-d1-text', 'echo-128k-d16-text', 'echo-1m-d16-text', 'wss-128k-d1-binary', 'connect'
];
const PEERS = [['ours', 'faye-websocket-rs', 'ours'], ['ws', 'ws', 'bar']];
const MARGIN = 16;
const LABEL = 300;
const SCALE = 400;
/** Width of a figure behind its bar. */
const FIGURE = 34;
const BAR = 14;
const ROW = 2 * BAR + 14;
const HEAD = 96;

const STYLE = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #57606a; }
  .heading { font-size: 16px; font-weight: 600; fill: #1f2328; }
  .strong { fill: #1f2328; font-weight: 600; }
  .bar { fill: #afb8c1; }
  .ours { fill: #bc4c00; }
  .line { stroke: #57606a; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1; }
    .heading, .strong { fill: #f0f6fc; }
    .bar { fill: #545d68; }
    .ours { fill: #f0883e; }
    .line { stroke: #9198a1; }
  }`;

const text = (x, y, value, name = '', anchor = 'start') =>
  `<text x="${x}" y="${y}" class="${name}" text-anchor="${anchor}">${value}</text>`;

const row = ({ group, title, peers }, top) => {
  const label = `${groups[group].title.split(' (')[0].replace('Echo over TLS', 'wss echo')}: ${title}`;
  const parts = [text(LABEL, top + BAR + 5, label, '', 'end')];
  PEERS.forEach(([id, , name], index) => {
    const share = peers[id].cpuUs / peers.original.cpuUs;
    const y = top + index * (BAR + 1);
    const width = Math.max(2, share * SCALE);
    // Not across the line of faye-websocket.
    const end = width < SCALE && width + FIGURE > SCALE ? SCALE : width;
    const wins = share === Math.min(...PEERS.map(([peer]) => peers[peer].cpuUs / peers.original.cpuUs));
    parts.push(
      `<rect x="${LABEL + 8}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2" class="${name}"/>`,
      text((LABEL + 14 + end).toFixed(1), y + BAR - 3, share.toFixed(2), wins ? 'strong' : '')
    );
  });
  return parts.join('\n');
};

/** @returns {string} the chart, of those rows that have all three figures */
exports.overview = ({ machine, workloads }) => {
  const shown = ROWS.map((id) => workloads.find((each) => each.id === id))
    .filter((each) => each && ['ours', 'ws', 'original'].every((id) => each.peers[id]?.cpuUs > 0));
  const width = LABEL + SCALE + 80;
  const height = HEAD + shown.length * ROW + MARGIN;
  const whole = LABEL + 8 + SCALE;
  const legend = PEERS.map(([, title, name], index) => `<rect x="${MARGIN + index * 150}" y="58" width="12" height="12" rx="2" class="${name}"/>
${text(MARGIN + 18 + index * 150, 68, title, name === 'ours' ? 'strong' : '')}`).join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="CPU time per message, as a share of that of faye-websocket">
<style>${STYLE}
</style>
${text(MARGIN, 26, 'CPU time of the server per message, where faye-websocket 0.11.4 takes 1', 'heading')}
${text(MARGIN, 46, `Less is better. ${machine.date}, Node ${machine.node}, ${machine.system}`)}
${legend}
${text(whole, HEAD - 12, 'faye-websocket', '', 'middle')}
<line x1="${whole}" y1="${HEAD - 6}" x2="${whole}" y2="${height - MARGIN}" class="line"/>
${shown.map((workload, index) => row(workload, HEAD + index * ROW)).join('\n')}
</svg>
`;
};
