'use strict';

// What differs between releases of Node.js, where a test expects Node's own words or checks.

const tls = require('node:tls');

const major = Number(process.versions.node.split('.')[0]);

/** What Node appends to the texts of certificate errors that a certificate of the system might mend. */
const SYSTEM_CA_HINT = major >= 24 ? '; if the root CA is installed locally, try running Node.js with --use-system-ca' : '';

/** Whether this Node's `tls.checkServerIdentity` accepts IPv6 addresses: that of 22.23 takes them for names. */
const checksIPv6 = tls.checkServerIdentity('::1', { subject: {}, subjectaltname: 'IP Address:0:0:0:0:0:0:0:1' }) === undefined;

/**
 * Source of a program for Linux that prints how many threads there are before and after `source` has run. Node's `tls`
 * is loaded first: in some releases a thread reads certificates then, and ends.
 */
function countingThreads(source) {
  return `
    const count = () => require('node:fs').readdirSync('/proc/self/task').length;
    const bare = count();
    require('node:tls');
    (function settle() {
      if (count() > bare) return setImmediate(settle);
      ${source};
      console.log(bare, count());
    })();`;
}

/**
 * Whether memory that is given back stays with the process for a while, as AddressSanitizer has it (`npm run sanitize`):
 * then the size of the process says nothing.
 */
const keepsMemory = process.env.ASAN_OPTIONS !== undefined;

/**
 * The environment of a process whose descriptors are counted: since Node.js 22 a thread reads the file of certificates
 * that NODE_EXTRA_CA_CERTS names, some time after the start, and has it open meanwhile.
 *
 * @returns {{ [name: string]: string | undefined }}
 */
function countedDescriptors() {
  return { ...process.env, NODE_EXTRA_CA_CERTS: undefined };
}

module.exports = { SYSTEM_CA_HINT, checksIPv6, countedDescriptors, countingThreads, keepsMemory, major };
