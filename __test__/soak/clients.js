'use strict';

// The clients of a soak, dialled natively and through Node: some stay and converse, some come and go, some read
// slowly, some leave without a word.

const fs = require('node:fs');
const path = require('node:path');
const { once } = require('node:events');

const { WebSocket } = require('../support/package_under_test');
const { random } = require('../differential/random');
const { answerSamples } = require('./sample');

const urls = process.argv.slice(2);
const ca = fs.readFileSync(path.join(__dirname, '../fixtures/tls/ca.crt'));
const delay = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const SIZES = [10, 200, 3000, 20000, 70000, 400000];
const open = new Set();
let messages = 0;
let connections = 0;
let failures = 0;

function dial(choose) {
  const ws = new WebSocket.Client(urls[choose.int(urls.length)], [], {
    tls: { ca }, deflate: choose.chance(0.5), kernelSocket: choose.chance(0.7),
  });
  connections++;
  open.add(ws);
  ws.on('error', () => failures++);
  ws.on('close', () => open.delete(ws));
  return ws;
}

function message(choose) {
  const size = choose.int(SIZES[Math.min(choose.int(6), choose.int(6))]);
  return choose.chance(0.5) ? 'é'.repeat(size / 2) : Buffer.alloc(size, choose.bytes(100));
}

const same = (a, b) => (typeof a === 'string' ? a === b : Buffer.isBuffer(b) && a.equals(b));

/** Sends one message and awaits it; throws when another comes. */
async function converse(ws, choose) {
  const sent = message(choose);
  const answer = once(ws, 'message');
  ws.send(sent);
  const [{ data }] = await answer;
  if (!same(sent, data)) throw new Error('an echo differs');
  messages++;
}

const LEAVES = [
  async (ws) => ws.close(),
  async (ws) => ws.send('leave'),
  async (ws) => ws.send('abort'),
  // In the middle of a message.
  async (ws) => {
    ws.send(Buffer.alloc(300000));
    ws._stream.destroy();
  },
];

async function leave(ws, choose) {
  const closed = once(ws, 'close');
  await LEAVES[choose.int(LEAVES.length)](ws);
  await closed;
}

async function comeAndGo(choose) {
  const ws = dial(choose);
  // Some give up before they stand.
  if (choose.chance(0.05)) {
    const closed = once(ws, 'close');
    await delay(choose.int(3));
    ws.close();
    await closed;
    return;
  }
  await once(ws, 'open');
  for (let i = choose.int(5); i > 0; i--) await converse(ws, choose);
  await leave(ws, choose);
}

async function stay(choose) {
  const ws = dial(choose);
  await once(ws, 'open');
  for (let i = 0; i < 500; i++) {
    await converse(ws, choose);
    await delay(choose.int(20));
  }
  await leave(ws, choose);
}

async function readSlowly(choose) {
  const ws = dial(choose);
  let heard = 0;
  ws.on('message', () => {
    if (++heard % 20) return;
    ws.pause();
    setTimeout(() => ws.resume(), 10);
  });
  await once(ws, 'open');
  for (let i = 0; i < 20; i++) {
    ws.send('flood');
    await delay(50);
  }
  // Sometimes while it is paused and congested.
  await leave(ws, choose);
}

async function again(act, seed) {
  for (let round = 0; ; round++) {
    await act(random(seed, round));
    await delay(1);
  }
}

const ACTORS = [...Array(6).fill(comeAndGo), ...Array(10).fill(stay), ...Array(2).fill(readSlowly)];

answerSamples(() => ({ open: open.size, messages, connections, failures }));
ACTORS.forEach((act, seed) => again(act, seed).catch((error) => {
  console.error(error instanceof Error ? error : `${error.type} event of ${error.target.url}: ${error.message}`);
  process.exit(1);
}));
