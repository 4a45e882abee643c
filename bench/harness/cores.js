'use strict';

/**
 * Keeps the server and the load generator on different cores, where `taskset` exists: they
 * would otherwise chase each other around, and rounds would differ by that alone.
 */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');

/** The processors this process may use, from a list such as `0-3,8`. */
const allowed = () => {
  try {
    const status = fs.readFileSync('/proc/self/status', 'utf8');
    return /Cpus_allowed_list:\s*(\S+)/.exec(status)[1].split(',').flatMap((range) => {
      const [first, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
  } catch {
    return [];
  }
};

/** @returns {{ server: number, generator: number } | null} */
exports.choose = () => {
  const cores = allowed();
  if (cores.length < 2) return null;
  const [generator, server] = cores;
  const probe = spawnSync('taskset', ['-c', String(server), 'true']);
  return probe.status === 0 ? { server, generator } : null;
};

/** The command line that runs `command` on `core`, or anywhere when there is none. */
exports.pinned = (core, command) =>
  core === undefined ? command : ['taskset', '-c', String(core), ...command];
