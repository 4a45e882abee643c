'use strict';

// Stands beside the program that uwebsockets.cpp becomes, and tells the harness what that uses.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const readline = require('node:readline');

const child = require('./child');
const { build } = require('../harness/uwebsockets');

const { message, perTurn } = child.broadcast();
const server = spawn(build(process.argv[2]), [child.task, String(message.length), String(perTurn)], { stdio: ['ignore', 'pipe', 'inherit'] });
process.on('exit', () => server.kill('SIGKILL'));
server.on('exit', () => process.exit(1));

const PAGE = 4096;

process.on('message', () => {
  const of = (name) => fs.readFileSync(`/proc/${server.pid}/${name}`, 'utf8').split(' ');
  const mainThreadNs = Number(of('schedstat')[0]);
  process.send({ cpuUs: mainThreadNs / 1000, mainThreadNs, rss: Number(of('statm')[1]) * PAGE, heap: 0, connections: 0 });
});
process.on('disconnect', () => process.exit());

readline.createInterface({ input: server.stdout }).once('line', (line) => {
  process.send({ port: Number(line), about: {} });
});
