'use strict';

/** Longest time, in milliseconds, that a timer of Node's can wait: it fires at once for a longer one. */
module.exports = 0x7fffffff;
