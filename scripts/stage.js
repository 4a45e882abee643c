'use strict';

// npm run stage: lays out what is published below npm/, which git ignores: the main package, which has no scripts and
// lists the platform packages as optional dependencies, and a package for each platform whose binary is there.
//
//   node scripts/stage.js [--binaries FOLDER] [--to FOLDER] [--all]
//
// Binaries are taken from lib/, or from FOLDER. `--all` fails if one is missing, as a release must.

const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { parseArgs } = require('node:util');
const { root } = require('./addon');
const { billOfMaterials, notices } = require('./linked_crates');
const { npm } = require('./npm');
const { joinModules } = require('./one_file');
const { targets } = require('./targets');
const { TRIPLE, files } = require('./wasm');

const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));

function write(folder, name, content) {
  const text = typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`;
  fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  fs.writeFileSync(path.join(folder, name), text);
}

function copy(from, folder, name) {
  fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  fs.copyFileSync(from, path.join(folder, name));
}

function packedFiles() {
  const [command, args, options] = npm(['pack', '--dry-run', '--json', '--ignore-scripts']);
  const listing = execFileSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], ...options });
  const [{ files }] = Object.values(JSON.parse(listing));
  return files.map((file) => file.path);
}

/** The main package. Its manifest differs from the checkout's in what only one of the two may have. */
function stageMain(to) {
  const folder = path.join(to, 'faye-websocket-rs');
  for (const name of packedFiles()) copy(path.join(root, name), folder, name);
  joinModules(folder);
  // Of what is compiled into WebAssembly.
  write(folder, 'THIRD-PARTY-NOTICES.txt', notices(TRIPLE));
  write(folder, 'sbom.cdx.json', billOfMaterials(TRIPLE, manifest.version));
  const published = { ...manifest, files: [...manifest.files, 'THIRD-PARTY-NOTICES.txt', 'sbom.cdx.json'] };
  delete published.scripts;
  delete published.devDependencies;
  published.optionalDependencies = Object.fromEntries(targets().map((target) => [target.package, manifest.version]));
  write(folder, 'package.json', published);
  return folder;
}

function stagePlatform(to, target, binary) {
  const folder = path.join(to, target.name);
  copy(binary, folder, target.file);
  copy(path.join(root, 'LICENSE'), folder, 'LICENSE');
  write(folder, 'README.md', `# ${target.package}\n\nThe native binary of [faye-websocket-rs](${manifest.homepage}) for \`${target.triple}\`, `
    + 'which installs it where it fits.\n\n`THIRD-PARTY-NOTICES.txt` and `sbom.cdx.json` say what is linked into it.\n');
  write(folder, 'THIRD-PARTY-NOTICES.txt', notices(target.triple));
  write(folder, 'sbom.cdx.json', billOfMaterials(target.triple, manifest.version));
  const { version, license, homepage, bugs, repository, engines } = manifest;
  write(folder, 'package.json', {
    name: target.package, version, description: `The native binary of faye-websocket-rs for ${target.triple}`, license, homepage, bugs, repository,
    main: target.file, files: [target.file, 'THIRD-PARTY-NOTICES.txt', 'sbom.cdx.json'], engines,
    os: [target.os], cpu: [target.cpu], ...(target.libc && { libc: [target.libc] }),
  });
  return folder;
}

/**
 * @param {{ binaries?: string, to?: string, all?: boolean }} [options]
 * @returns {string[]} the folders of the packages, those of the platforms first: they are published before the main
 *   package, which refers to them
 */
function stage({ binaries = path.join(root, 'lib'), to = path.join(root, 'npm'), all = false } = {}) {
  fs.rmSync(to, { recursive: true, force: true });
  const folders = [];
  const missing = [];
  for (const target of targets()) {
    const binary = path.join(binaries, target.file);
    if (fs.existsSync(binary)) folders.push(stagePlatform(to, target, binary));
    else missing.push(target.file);
  }
  missing.push(...files.filter((file) => !fs.existsSync(file)));
  if (all && missing.length > 0) throw new Error(`Not in ${binaries}: ${missing.join(', ')}`);
  folders.push(stageMain(to));
  return folders;
}

module.exports = { stage };

if (require.main === module) {
  const { values } = parseArgs({ options: { binaries: { type: 'string' }, to: { type: 'string' }, all: { type: 'boolean' } } });
  for (const folder of stage(values)) process.stdout.write(`${path.relative(process.cwd(), folder)}\n`);
}
