'use strict';

// The suite's cases in sets, and on which paths of this package they are run.

const CORE = ['1.*', '2.*', '3.*', '4.*', '5.*', '6.*', '7.*', '10.*'];
const DEFLATE = ['12.*', '13.*'];

/** Some of the deflate cases with short messages. */
const SHORT_DEFLATE = [1, 2, 3].flatMap((size) => (
  [...[1, 2, 3, 4, 5].map((group) => `12.${group}.${size}`), ...[1, 2, 3, 4, 5, 6, 7].map((group) => `13.${group}.${size}`)]
));

const SETS = {
  core: CORE, // 247 cases, a quarter of a minute
  limits: ['9.*'], // 54 cases, a minute
  deflate: DEFLATE, // 216 cases, a quarter of an hour
  'short-deflate': SHORT_DEFLATE, // 36 cases, half a minute
  quick: [...CORE, ...SHORT_DEFLATE],
  all: [...CORE, '9.*', ...DEFLATE],
};

const PATHS = {
  kernel: { side: 'server', settings: {} },
  stream: { side: 'server', settings: { kernelSocket: false } },
  http2: { side: 'server', settings: {}, isHttp2: true },
  client: { side: 'client', settings: {} },
  'client-node': { side: 'client', settings: { kernelSocket: false } },
};

/** Whether a case is in a set of names and patterns, as the suite reads them. */
function isIn(id, patterns) {
  return patterns.some((pattern) => (pattern.endsWith('*') ? id.startsWith(pattern.slice(0, -1)) : id === pattern));
}

module.exports = { SETS, PATHS, isIn };
