'use strict';

// Outcomes as a table.

const all = require('./rows');

/** Equal outcomes are said once: `1002 (7), 1009`. */
function summary(results) {
  const counts = new Map();
  for (const { got } of results) counts.set(got, (counts.get(got) || 0) + 1);
  return [...counts].map(([got, count]) => (count > 1 ? `${got} (${count})` : got)).join(', ') || 'nothing to see';
}

/** What a row came to on every path and in every way: once where it is the same everywhere. */
function across(outcomes) {
  const texts = new Map();
  for (const { path, way, results, alive } of outcomes) {
    const text = summary(results) + (alive === 'alive' || /DIED/.test(summary(results)) ? '' : `; afterwards ${alive}`);
    if (!texts.has(text)) texts.set(text, []);
    texts.get(text).push(`${path}${way === 'bytes' ? ' byte by byte' : ''}`);
  }
  if (texts.size <= 1) return [...texts.keys()].join('');
  return [...texts].map(([text, where]) => `${text}: ${where.length > outcomes.length / 2 ? 'elsewhere' : where.join(', ')}`).join('; ');
}

const most = (outcomes, key) => Math.max(...outcomes.map((outcome) => (key in outcome ? outcome[key] : NaN)).filter((value) => !Number.isNaN(value)));
const figure = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : '-');

/** The figures of a row: the longest block anywhere, and the memory where it grew most. */
function figures(outcomes) {
  const known = outcomes.filter(({ peak }) => peak !== undefined);
  const worst = known.reduce((a, b) => (a && a.peak - a.before >= b.peak - b.before ? a : b), undefined);
  const notes = [...new Set(outcomes.flatMap(({ results }) => results.map(({ note }) => note)).filter(Boolean))];
  return {
    block: figure(most(known, 'block'), 0),
    memory: worst ? [worst.before, worst.peak, worst.after].map((value) => figure(value, 0)).join('/') : '-',
    notes,
  };
}

/** Outcomes of one package by row, in the rows' order. */
function byRow(outcomes) {
  const grouped = new Map();
  for (const outcome of outcomes) {
    if (!grouped.has(outcome.row)) grouped.set(outcome.row, []);
    grouped.get(outcome.row).push(outcome);
  }
  return grouped;
}

/**
 * A table in Markdown with the packages side by side.
 *
 * @param {Map<string, object[]>} outcomes by package
 */
function markdown(outcomes) {
  const packages = [...outcomes.keys()];
  const grouped = new Map(packages.map((name) => [name, byRow(outcomes.get(name))]));
  const rows = all.filter((row) => packages.some((name) => grouped.get(name).has(row)));
  const cell = (text) => text.replace(/\|/g, '\\|').replace(/\n/g, ' ');
  const lines = [
    `| row | what is sent | ${packages.map((name) => `${name}: outcome | block, ms | MiB before/peak/after`).join(' | ')} |`,
    `|--|--|${packages.map(() => '--|--:|--:').join('|')}|`,
  ];
  for (const row of rows) {
    const title = row.ids ? `${row.title} (${row.ids.join(', ')})` : row.title;
    const cells = packages.map((name) => {
      const found = grouped.get(name).get(row);
      if (!found) return 'not applicable | - | -';
      const { block, memory, notes } = figures(found);
      return `${cell(across(found))}${notes.length ? `; ${notes.join(', ')}` : ''} | ${block} | ${memory}`;
    });
    lines.push(`| ${row.row} | ${cell(title)} | ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}

module.exports = { markdown, figures, across };
