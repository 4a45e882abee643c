'use strict';

// What a rehearsal does with the package where it was installed or bundled: it runs commands, among them a program that
// sends a message to and fro.

const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { root } = require('../addon');

const LIMIT = 180000; // milliseconds for one command

/** What the program prints that follows. */
const TO_AND_FRO = /^to and fro$/m;

/**
 * The part of a program that uses `http` and `WebSocket`: a message goes through a server and a client of the package,
 * with compression.
 */
const PROGRAM = `
const server = http.createServer().on('upgrade', (request, socket, head) => {
  const ws = new WebSocket(request, socket, head, [], { deflate: true });
  ws.on('message', (event) => ws.send(event.data));
}).listen(0, '127.0.0.1', () => {
  const ws = new WebSocket.Client('ws://127.0.0.1:' + server.address().port + '/', [], { deflate: true });
  ws.on('open', () => ws.send('to and fro'));
  ws.on('error', (event) => { console.log(event.message); process.exit(1); });
  ws.on('message', (event) => { console.log(event.data); ws.close(); });
  ws.on('close', () => server.close(() => process.exit(0)));
});
`;

/**
 * Runs a command to its end.
 *
 * @param {string[]} command with its arguments
 * @param {string} cwd
 * @param {object} [env]
 * @returns {Promise<{ isGood: boolean, output: string }>} with all that it printed
 */
async function run(command, cwd, env = process.env) {
  const child = spawn(command[0], command.slice(1), { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT, killSignal: 'SIGKILL' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const [code, signal] = await once(child, 'close');
  return { isGood: code === 0, output: signal ? `${output}\nended by ${signal}` : output };
}

/**
 * Runs a command that has to succeed.
 *
 * @param {string[]} command
 * @param {string} cwd
 * @param {object} [env]
 * @param {RegExp} [pattern] of what it has to print
 * @returns {Promise<string>} what it printed
 * @throws {Error} with what it printed
 */
async function succeed(command, cwd, env, pattern) {
  const { isGood, output } = await run(command, cwd, env);
  const shown = command.map((word) => path.relative(root, word).startsWith('.cache') ? path.basename(word) : word).join(' ');
  if (!isGood) throw new Error(`${shown} failed:\n${output}`);
  if (pattern && !pattern.test(output)) throw new Error(`${shown} printed:\n${output}`);
  return output;
}

module.exports = { PROGRAM, TO_AND_FRO, run, succeed };
