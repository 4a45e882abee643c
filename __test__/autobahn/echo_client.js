'use strict';

// Plays every case of the suite's server: fork('echo_client.js', [path, url]).

const { WebSocket } = require('../support/package_under_test');
const { PATHS } = require('./cases');

const [, , path, url] = process.argv;
const { settings } = PATHS[path];
const agent = encodeURIComponent(path);

function ask(target) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket.Client(url + target);
    let text = '';
    ws.on('message', ({ data }) => { text += data; });
    ws.on('error', ({ message }) => reject(new Error(message)));
    ws.on('close', () => resolve(text));
  });
}

function play(number) {
  return new Promise((resolve) => {
    const ws = new WebSocket.Client(`${url}/runCase?case=${number}&agent=${agent}`, [], { deflate: true, ...settings });
    ws.on('message', ({ data }) => ws.send(data));
    ws.on('close', resolve);
  });
}

async function main() {
  const count = Number(await ask('/getCaseCount'));
  for (let number = 1; number <= count; number++) await play(number);
  await ask(`/updateReports?agent=${agent}`);
  process.exit(0);
}

main();
