'use strict';

// The crates that are linked into the addon: their notices, and a software bill of materials.

const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { root } = require('./addon');

/** Folders of a crate with the texts of what it carries along besides its own sources. */
const CARRIED = { 'openssl-src': ['openssl'] };
const TEXT = /^(licen[cs]e|copying|notice|copyright|unlicense)/i;

/**
 * @param {string} target as rustc names it, for example `x86_64-unknown-linux-gnu`
 * @returns {{ name: string, version: string, license: string, folder: string }[]} sorted by name
 */
function linkedCrates(target) {
  const features = target.startsWith('wasm') ? ['--no-default-features', '--features', 'wasm']
    : !target.includes('windows') ? ['--features', 'vendored-openssl'] : [];
  const { packages, resolve } = JSON.parse(execFileSync('cargo', [
    'metadata', '--locked', '--format-version', '1', '--filter-platform', target, ...features,
  ], { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20, stdio: ['ignore', 'pipe', 'inherit'] }));
  const byId = new Map(packages.map((each) => [each.id, each]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const found = new Set();
  const waiting = [resolve.root];
  while (waiting.length > 0) {
    const { deps } = nodes.get(waiting.pop());
    for (const { pkg, dep_kinds: kinds } of deps) {
      const { name, targets: built } = byId.get(pkg);
      // Macros run in the compiler and leave nothing of theirs in the addon.
      if (found.has(pkg) || built.some(({ kind }) => kind.includes('proc-macro'))) continue;
      if (kinds.some(({ kind }) => kind === null)) waiting.push(pkg);
      // What a build script compiles is linked too when it is a *-src crate.
      else if (!/-src$/.test(name) || !kinds.some(({ kind }) => kind === 'build')) continue;
      found.add(pkg);
    }
  }
  return [...found].map((id) => byId.get(id))
    .map(({ name, version, license, manifest_path: manifest }) => ({ name, version, license: license || 'see its text', folder: path.dirname(manifest) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function textsIn(folder) {
  return fs.readdirSync(folder).filter((name) => TEXT.test(name) && fs.statSync(path.join(folder, name)).isFile()).sort()
    .map((name) => fs.readFileSync(path.join(folder, name), 'utf8').trim());
}

/** The notices that a binary for `target` has to carry, as one text. Equal texts are given once. */
function notices(target) {
  const holders = new Map();
  for (const { name, version, license, folder } of linkedCrates(target)) {
    const label = `${name} ${version} (${license})`;
    const texts = [folder, ...(CARRIED[name] || []).map((inner) => path.join(folder, inner))].flatMap(textsIn);
    for (const text of texts.length > 0 ? texts : [`Its package carries no text; its manifest says: ${license}.`]) {
      holders.set(text, [...(holders.get(text) || []), label]);
    }
  }
  const rule = '='.repeat(80);
  holders.set('Copyright (c) The Rust Project Contributors. See https://github.com/rust-lang/rust/blob/HEAD/COPYRIGHT', [
    'the standard library of Rust (MIT OR Apache-2.0)']);
  return `The ${target.startsWith('wasm') ? 'WebAssembly module' : 'native binary'} of faye-websocket-rs is linked with the following software.\n${
    [...holders].map(([text, labels]) => `\n${rule}\n${[...new Set(labels)].join('\n')}\n${rule}\n\n${text}\n`).join('')}`;
}

/** A bill of materials in CycloneDX's format, as an object. */
function billOfMaterials(target, version) {
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: { type: 'library', name: 'faye-websocket-rs', version, purl: `pkg:npm/faye-websocket-rs@${version}` } },
    components: linkedCrates(target).map(({ name, version: release, license }) => ({
      type: 'library', name, version: release, purl: `pkg:cargo/${name}@${release}`, licenses: [{ expression: license }],
    })),
  };
}

module.exports = { billOfMaterials, linkedCrates, notices };
