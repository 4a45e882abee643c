#!/usr/bin/env node
'use strict';

// npx faye-websocket-rs build | doctor

const USAGE = `Usage: faye-websocket-rs COMMAND

  build    compiles the native addon for the copies of faye-websocket-rs in this project
  doctor   says which copies of faye-websocket this project uses, and what is amiss
`;

const COMMANDS = { build: '../lib/install/build', doctor: '../lib/install/doctor' };

const [command, ...rest] = process.argv.slice(2);
if (!Object.hasOwn(COMMANDS, command ?? '') || rest.length > 0) {
  process.stderr.write(USAGE);
  process.exitCode = ['help', '--help', '-h'].includes(command) ? 0 : 2;
} else {
  require(COMMANDS[command])(process.cwd()).then((code) => { process.exitCode = code; });
}
