'use strict';

/**
 * A small deterministic source of choices (mulberry32): a seed and an index name one sequence, for ever.
 *
 * @param {number} seed
 * @param {number} index of the case
 */
function random(seed, index) {
  let state = (seed * 2654435761 + index * 40503 + 1) >>> 0;

  function next() {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  const int = (below) => Math.floor(next() * below);
  return {
    int,
    pick: (list) => list[int(list.length)],
    chance: (probability) => next() < probability,
    bytes: (length) => Buffer.from(Array.from({ length }, () => int(256))),
    shuffled(list) {
      const copy = list.slice();
      for (let i = copy.length - 1; i > 0; i--) {
        const j = int(i + 1);
        [copy[i], copy[j]] = [copy[j], copy[i]];
      }
      return copy;
    },
  };
}

module.exports = { random };
