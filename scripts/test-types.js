'use strict';

// npm run test:types: compiles what the README shows against the package as it is published, strictly, with each
// TypeScript in each module mode, and has publint and attw look at it.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { root } = require('./addon');
const { npm, provide } = require('./npm');
const { stage } = require('./stage');

const TOOLS = { 'typescript-5': 'npm:typescript@5.9', 'typescript-7': 'npm:typescript@7', publint: '0.3', '@arethetypeswrong/cli': '0.18', '@types/node': '24' };
const COMPILERS = ['typescript-5', 'typescript-7'];

/** What a project sets, and how its file ends. TypeScript 7 has no resolution of Node 10. */
const MODES = {
  'commonjs': { module: 'CommonJS', moduleResolution: { 'typescript-5': 'node10', 'typescript-7': 'bundler' }, file: 'main.ts' },
  'node16, CommonJS': { module: 'Node16', moduleResolution: 'Node16', file: 'main.cts' },
  'nodenext, ES module': { module: 'NodeNext', moduleResolution: 'NodeNext', file: 'main.mts' },
  'bundler': { module: 'ESNext', moduleResolution: 'Bundler', file: 'main.ts' },
  'preserve': { module: 'Preserve', moduleResolution: 'Bundler', file: 'main.ts' },
};

const tools = path.join(root, '.cache', 'types');
const bin = (name) => path.join(tools, 'node_modules', '.bin', name);
let failed = 0;
let passed = 0;

function report(title, { status, stdout, stderr }) {
  const isGood = status === 0;
  if (isGood) passed++;
  else failed++;
  process.stdout.write(`${isGood ? 'passed' : 'FAILED'}  ${title}\n${isGood ? '' : `${stdout}${stderr}`}`);
}

provide(tools, TOOLS);
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'types-'));
try {
  const main = stage({ to: path.join(scratch, 'npm'), binaries: scratch }).pop();
  const project = path.join(scratch, 'project');
  fs.mkdirSync(path.join(project, 'node_modules', '@types'), { recursive: true });
  fs.cpSync(main, path.join(project, 'node_modules', 'faye-websocket-rs'), { recursive: true });
  for (const name of ['@types/node', 'undici-types']) {
    fs.cpSync(path.join(tools, 'node_modules', name), path.join(project, 'node_modules', name), { recursive: true });
  }
  for (const compiler of COMPILERS) {
    for (const [mode, { file, ...options }] of Object.entries(MODES)) {
      fs.copyFileSync(path.join(root, '__test__', 'types', 'documented.ts'), path.join(project, file));
      const { moduleResolution: resolution } = options;
      fs.writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify({
        compilerOptions: {
          ...options, moduleResolution: resolution[compiler] || resolution,
          target: 'ES2022', lib: ['ES2022'], strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false,
          noEmit: true, esModuleInterop: true, types: ['node'],
        },
        files: [file],
      }));
      const manifestOfCompiler = JSON.parse(fs.readFileSync(path.join(tools, 'node_modules', compiler, 'package.json'), 'utf8'));
      report(`TypeScript ${manifestOfCompiler.version}, ${mode}`, spawnSync(process.execPath, [
        path.join(tools, 'node_modules', compiler, manifestOfCompiler.bin.tsc), '-p', project], { encoding: 'utf8' }));
    }
  }
  report('publint', spawnSync(bin('publint'), [main, '--strict'], { encoding: 'utf8' }));
  const [command, args, options] = npm(['pack', '--silent', '--pack-destination', scratch]);
  const packed = spawnSync(command, args, { cwd: main, encoding: 'utf8', ...options });
  report('attw', spawnSync(bin('attw'), [path.join(scratch, packed.stdout.trim().split('\n').pop())], { encoding: 'utf8' }));
} finally {
  fs.rmSync(scratch, { recursive: true, force: true });
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
