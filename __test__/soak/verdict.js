'use strict';

// Whether a series of samples rises.

/** Of the time, what everything that is kept on purpose needs to be there: pools, compiled code, zlib's states. */
const WARM_UP = 0.3;

/**
 * What may be added from the first to the last minute of the rest, according to the line through it: a share of the
 * median, and a number for what goes up and down.
 */
const ALLOWED = {
  rss: { share: 0.1, plus: 8 << 20 },
  heap: { share: 0.1, plus: 4 << 20 },
  descriptors: { share: 0, plus: 8 },
  threads: { share: 0, plus: 3 },
};

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

/** How much the line through the points rises from the first to the last, by Theil and Sen: outliers do not bend it. */
function rise(points) {
  const slopes = [];
  for (let i = 0; i < points.length; i++) {
    for (let j = i + 1; j < points.length; j++) slopes.push((points[j].y - points[i].y) / (points[j].x - points[i].x));
  }
  return slopes.length === 0 ? 0 : median(slopes) * (points[points.length - 1].x - points[0].x);
}

/**
 * @param {Array<{seconds: number}>} samples of one process
 * @returns {Array<{name: string, rise: number, allowed: number, ok: boolean}>}
 */
function judge(samples) {
  const end = samples[samples.length - 1].seconds;
  const rest = samples.filter(({ seconds }) => seconds >= end * WARM_UP);
  return Object.entries(ALLOWED).map(([name, { share, plus }]) => {
    const risen = rise(rest.map((sample) => ({ x: sample.seconds, y: sample[name] })));
    const allowed = share * median(rest.map((sample) => sample[name])) + plus;
    return { name, rise: risen, allowed, ok: risen <= allowed };
  });
}

module.exports = { judge };
