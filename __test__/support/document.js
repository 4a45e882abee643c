'use strict';

// The programs that stand in the documents, run as they stand there but for the package's place and the port.

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { once } = require('node:events');
const { spawn } = require('node:child_process');
const { pathToFileURL } = require('node:url');

const root = path.join(__dirname, '..', '..');
const PACKAGE = "'faye-websocket-rs'";

class Document {
  /** @param {string} file relative to the repository */
  constructor(file) {
    this.file = file;
    this.text = fs.readFileSync(path.join(root, file), 'utf8');
    /** @type {{heading: string, language: string, text: string, isRun: boolean}[]} */
    this.blocks = [];
    let heading = '';
    for (const [, title, language, text] of this.text.matchAll(/^#+ (.*)$|^```(\w*)\n([^]*?)^```$/gm)) {
      if (title !== undefined) heading = title;
      else this.blocks.push({ heading, language, text, isRun: false });
    }
  }

  /** Blocks in JavaScript. */
  get programs() {
    return this.blocks.filter(({ language }) => language === 'js' || language === 'mjs');
  }

  /** Those that no test has run. */
  get unrun() {
    return this.programs.filter(({ isRun }) => !isRun).map(({ heading }) => heading);
  }

  /**
   * Starts a program as a child process, which ends with the test.
   *
   * @param {object} t context of the test
   * @param {string} heading that it stands below
   * @param {number} port in place of 8000
   * @param {object} [options]
   * @param {number} [options.index] which of the programs below that heading
   * @param {string} [options.cwd]
   * @param {object} [options.instead] texts by what they replace, each of which the program must have
   */
  run(t, heading, port, { index = 0, cwd, instead = {} } = {}) {
    const block = this.programs.filter((each) => each.heading === heading)[index];
    if (block === undefined) throw new Error(`${this.file} has no program ${index} below ${heading}`);
    block.isRun = true;
    const isModule = block.language === 'mjs';
    const place = isModule ? pathToFileURL(path.join(root, 'index.js')).href : root;
    let program = block.text.replaceAll(PACKAGE, JSON.stringify(place)).replaceAll('8000', String(port));
    for (const [from, to] of Object.entries(instead)) {
      if (!program.includes(from)) throw new Error(`the program below ${heading} has no ${from}`);
      program = program.replaceAll(from, to);
    }
    const flags = isModule ? ['--input-type=module'] : ['--input-type=commonjs'];
    const child = spawn(process.execPath, [...flags, '-e', program], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    child.stdout.setEncoding('utf8');
    child.said = '';
    child.stdout.on('data', (text) => { child.said += text; });
    return child;
  }
}

/** Resolves when the child accepts connections; fails with the test when it has ended before. */
async function listening(child, port) {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the program has ended with ${child.exitCode}`);
    const probe = net.connect(port, 'localhost');
    const isOpen = await once(probe, 'connect').then(() => true, () => false);
    probe.destroy();
    if (isOpen) return;
  }
}

/** Resolves when the child has printed what matches. */
async function says(child, pattern) {
  while (!pattern.test(child.said)) await once(child.stdout, 'data');
  return pattern.exec(child.said);
}

module.exports = { Document, listening, root, says };
