'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const PLACE = path.join(__dirname, '..', '.cache', 'uwebsockets');
const SOURCE = path.join(__dirname, '..', 'servers', 'uwebsockets.cpp');

const run = (command, args) => {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (error || status !== 0) throw new Error(`uWebSockets could not be built: ${error ? error.message : command}`);
};

/**
 * Builds the uWebSockets server, which needs gcc; once.
 * @param {string} checkout of its repository, with uSockets in it
 * @returns {string} the program
 */
exports.build = (checkout) => {
  const program = path.join(PLACE, 'server');
  if (fs.existsSync(program)) return program;
  fs.mkdirSync(PLACE, { recursive: true });
  const sockets = path.join(checkout, 'uSockets', 'src');
  const flags = ['-O3', '-flto=auto', '-DLIBUS_NO_SSL', '-DUWS_NO_ZLIB', `-I${sockets}`];
  const objects = ['', 'eventing', 'crypto'].flatMap((folder) => {
    const files = fs.readdirSync(path.join(sockets, folder)).filter((name) => name.endsWith('.c'));
    return files.map((name) => [path.join(sockets, folder, name), path.join(PLACE, `${name}.o`)]);
  }).map(([from, to]) => {
    run('gcc', [...flags, '-c', from, '-o', to]);
    return to;
  });
  run('g++', ['-std=c++20', ...flags, `-I${path.join(checkout, 'src')}`, SOURCE, ...objects, '-o', program, '-lpthread']);
  return program;
};
