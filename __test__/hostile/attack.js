'use strict';

// Plays rows on a path and measures the process meanwhile.

const rows = require('./rows');
const { keepsMemory } = require('../support/node');
const { PATHS } = require('./paths');
const { Subject } = require('./subject');
const { Stage, PATIENCE, WAYS, within } = require('./stage');

const MB = 1 << 20;
/** A process whose resident memory grew by more than this is replaced. */
const SOILED = 32 * MB;
/** Seconds after which a row is given up, in its whole and its bounded form. */
const LONGEST = { whole: 240, bounded: 50 };

/** Rows of a path, each with the ways it is cut in. */
function plan(pathName, only = () => true) {
  const { role } = PATHS[pathName];
  return rows.filter((row) => (!row.roles || row.roles.includes(role)) && only(row))
    .flatMap((row) => (row.ways || Object.keys(WAYS)).map((way) => ({ row, way })));
}

/** The results of a row that has none. */
const failed = (got) => [{ name: 'the row', got, expected: 'an end', ok: false }];

/** One path into one package; a process that has died is replaced before the next row. */
class Attack {
  constructor(packageName, pathName, { bounded = false } = {}) {
    this.packageName = packageName;
    this.pathName = pathName;
    this.bounded = bounded;
    this._subject = null;
  }

  async _ready() {
    if (this._subject !== null && this._subject.death === null) return this._subject;
    this._subject = await Subject.start(this.packageName, this.pathName);
    // What is loaded and compiled at first use belongs to no row.
    const stage = new Stage(this._subject, 'whole', true);
    await stage.alive();
    stage.close();
    return this._subject;
  }

  /**
   * @returns {Promise<object>} `results` of the row's cases, whether the process is `alive` afterwards, the longest
   *   `block` of its loop in milliseconds, and its memory before, at its peak and after, in MiB
   */
  async play(row, way) {
    const subject = await this._ready();
    const stage = new Stage(subject, way, this.bounded);
    await stage.measure();
    const longest = this.bounded ? LONGEST.bounded : LONGEST.whole;
    const noEnd = failed(`did not finish within ${longest} s`);
    const results = await within(row.play(stage), longest * 1000, noEnd)
      .catch((error) => failed(`DIED: ${subject.death === null ? error.message : subject.cause}`));
    stage.clear();
    const alive = await within(stage.alive(), 2 * PATIENCE, 'does not answer').catch((error) => `DIED: ${error.message}`);
    stage.close();
    const measured = await within(subject.ask('finish'), PATIENCE, null).catch(() => null);
    const outcome = { row, way, path: this.pathName, results, alive };
    const { rss, heap } = stage.before;
    // A process that does not answer, or in which an unfinished row still goes on, is of no use to the next row; and what the
    // allocator keeps of a large growth would hide the growth of the rows that follow.
    if (measured === null || results === noEnd || measured.peak - rss > SOILED) await subject.end();
    if (measured === null) return outcome;
    return {
      ...outcome,
      block: measured.block,
      before: rss / MB,
      peak: measured.peak / MB,
      after: measured.after.rss / MB,
      heap: (measured.after.heap - heap) / MB,
    };
  }

  async end() {
    if (this._subject !== null) await this._subject.end();
  }
}

/** What is wrong with a row's outcome for this package, in words. */
function faults({ row, results, alive, before, peak }) {
  const found = results.filter(({ ok }) => !ok).map(({ name, got, expected }) => `${name}: ${got}, expected ${expected}`);
  if (alive !== 'alive') found.push(`a fresh connection afterwards: ${alive}`);
  if (!keepsMemory && row.growth !== undefined && peak - before > row.growth) {
    found.push(`${(peak - before).toFixed(1)} MiB more at the peak, ${row.growth} allowed`);
  }
  return found;
}

module.exports = { Attack, plan, faults };
