'use strict';

const { spawn, spawnSync } = require('node:child_process');
const path = require('node:path');
const readline = require('node:readline');

const { pinned } = require('./cores');

const CRATE = path.join(__dirname, '..', 'loadgen');
const BINARY = path.join(CRATE, 'target', 'release', `loadgen${process.platform === 'win32' ? '.exe' : ''}`);
const TIME_LIMIT_MS = 60000;

/** Builds the load generator; a moment when it is up to date. */
exports.build = () => {
  const manifest = path.join(CRATE, 'Cargo.toml');
  const args = [
    'build', '--release', '--locked', '--quiet',
    '--manifest-path', manifest, '--target-dir', path.join(CRATE, 'target')
  ];
  const { status, error } = spawnSync('cargo', args, { stdio: 'inherit' });
  if (error) throw new Error(`the load generator needs Rust's cargo: ${error.message}`);
  if (status !== 0) throw new Error('cargo could not build the load generator');
};

/** Writes cert.pem and key.pem. */
exports.writeCertificate = (directory) => {
  const { status } = spawnSync(BINARY, ['certificate', directory], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the load generator could not make a certificate');
};

/**
 * Runs one round.
 * @param {object} spec the whole of loadgen/src/spec.rs
 * @param {number | undefined} core
 * @param {() => Promise<void>} onReady awaited before the measurement starts
 * @returns {Promise<object>} the generator's result
 */
exports.run = async (spec, core, onReady) => {
  const command = pinned(core, [BINARY, JSON.stringify(spec)]);
  const child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), TIME_LIMIT_MS);
  let stderr = '';
  child.stderr.on('data', (text) => { stderr += text; });
  child.stdin.on('error', () => {});
  const closed = new Promise((resolve) => child.once('close', (code, signal) => {
    resolve(signal ? `killed after ${TIME_LIMIT_MS / 1000} s` : code);
  }));
  try {
    let result;
    for await (const line of readline.createInterface({ input: child.stdout })) {
      const message = JSON.parse(line);
      if (message.event === 'ready') {
        await onReady();
        child.stdin.write('\n');
      } else {
        result = message;
        break;
      }
    }
    if (result) return result;
    throw new Error(stderr.trim() || `the load generator ended: ${await closed}`);
  } finally {
    clearTimeout(timer);
    child.stdin.end();
    if (child.exitCode === null) child.kill('SIGKILL');
    await closed;
  }
};
