'use strict';

// Samples as an SVG: a panel for each figure, a line for each process.

const PANELS = [
  { name: 'rss', title: 'resident memory, MiB', divide: 1 << 20 },
  { name: 'heap', title: 'heap and external memory, MiB', divide: 1 << 20 },
  { name: 'descriptors', title: 'descriptors', divide: 1 },
  { name: 'threads', title: 'threads', divide: 1 },
  { name: 'open', title: 'open connections', divide: 1 },
];
const COLOURS = { server: '#1f77b4', clients: '#d62728' };
const [WIDTH, HEIGHT, LEFT, GAP] = [720, 110, 50, 36];

function line(samples, panel, minutes, most) {
  return samples.map((sample) => {
    const x = LEFT + (sample.seconds / 60 / minutes) * WIDTH;
    const y = HEIGHT * (1 - sample[panel.name] / panel.divide / most);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  }).join(' ');
}

/** @param {Record<string, object[]>} series samples by process */
function chart(series) {
  const all = Object.values(series).flat();
  const minutes = Math.max(...all.map(({ seconds }) => seconds)) / 60;
  const panels = PANELS.map((panel, i) => {
    const most = 1.1 * Math.max(...all.map((sample) => sample[panel.name] / panel.divide), 1);
    const lines = Object.entries(series).map(([name, samples]) => (
      `<polyline fill="none" stroke="${COLOURS[name]}" points="${line(samples, panel, minutes, most)}"/>`
    ));
    return `<g transform="translate(0 ${30 + i * (HEIGHT + GAP)})">
<text x="${LEFT}" y="-6">${panel.title}</text>
<path fill="none" stroke="#999" d="M${LEFT} 0V${HEIGHT}H${LEFT + WIDTH}"/>
<text x="${LEFT - 4}" y="10" text-anchor="end">${most.toFixed(0)}</text><text x="${LEFT - 4}" y="${HEIGHT}" text-anchor="end">0</text>
<text x="${LEFT + WIDTH}" y="${HEIGHT + 14}" text-anchor="end">${minutes.toFixed(0)} min</text>
${lines.join('\n')}
</g>`;
  });
  const height = 40 + PANELS.length * (HEIGHT + GAP);
  const legend = Object.keys(series).map((name, i) => (
    `<text x="${LEFT + WIDTH - 130 + i * 70}" y="14" fill="${COLOURS[name]}">${name}</text>`
  )).join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${LEFT + WIDTH + 10} ${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>${legend}
${panels.join('\n')}
</svg>
`;
}

module.exports = { chart };
