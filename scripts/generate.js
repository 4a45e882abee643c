'use strict';

// npm run generate: writes lib/native.d.ts from the addon's sources, where `#[napi]` marks what JavaScript may
// use. `--check` writes nothing and fails when the file is not what it would write.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { root } = require('./addon');

const FILE = path.join(root, 'lib', 'native.d.ts');
const HEAD = `// Written by \`npm run generate\` from the sources of the addon.

`;

/** What napi-derive writes while the crate is compiled: one JSON object on a line for each item. */
function definitions() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'native-types-'));
  try {
    // Cargo does not know that the compiler reads the variable: a flag of its own makes the run another one.
    const args = ['rustc', '--locked', '--lib', '--profile', 'check', '--', '--cfg', `generate_${process.pid}`];
    const env = { ...process.env, NAPI_TYPE_DEF_TMP_FOLDER: folder };
    const { status } = spawnSync('cargo', args, { cwd: root, stdio: 'inherit', env });
    if (status !== 0) throw new Error('cargo could not compile the addon; its messages are above.');
    const lines = fs.readdirSync(folder).flatMap((name) => fs.readFileSync(path.join(folder, name), 'utf8').split('\n'));
    return lines.filter(Boolean).map((line) => JSON.parse(line));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

const indent = (text) => text.split('\n').map((line) => (line.trim() ? `  ${line.trim().replace(/^\*/, ' *')}` : '')).join('\n');
const block = (head, body) => (body ? `${head} {\n${indent(body)}\n}\n` : `${head} {}\n`);

function declaration({ kind, name, def, js_doc: doc }, members) {
  switch (kind) {
    case 'fn': return `${doc}export declare ${def}\n`;
    case 'const': return `${doc}${def.replace(/^export const/, 'export declare const')}\n`;
    case 'type': return `${doc}export type ${name} = ${def}\n`;
    case 'interface': return doc + block(`export interface ${name}`, def);
    case 'enum': return doc + block(`export declare enum ${name}`, def);
    case 'struct': return doc + block(`export declare class ${name}`, members.get(name));
    default: throw new Error(`Do not know how to declare a ${kind}: ${name}`);
  }
}

function generate() {
  const items = definitions();
  const members = new Map();
  for (const { kind, name, def } of items) {
    if (kind === 'impl') members.set(name, [members.get(name), def].filter(Boolean).join('\n'));
  }
  const declared = items.filter(({ kind }) => kind !== 'impl')
    // The order in which the compiler comes upon them is no order.
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return HEAD + declared.map((item) => declaration(item, members)).join('\n');
}

const text = generate();
if (!process.argv.includes('--check')) {
  fs.writeFileSync(FILE, text);
} else if (fs.readFileSync(FILE, 'utf8') !== text) {
  process.stderr.write('lib/native.d.ts is not what the sources say: npm run generate\n');
  process.exitCode = 1;
}
