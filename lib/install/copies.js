'use strict';

// The copies of faye-websocket and faye-websocket-rs that the packages of a project load.

const fs = require('node:fs');
const path = require('node:path');
const Module = /** @type {any} */ (require('node:module')); // Yarn adds functions to it.

const NAMES = ['faye-websocket', 'faye-websocket-rs'];

/**
 * @param {string} folder
 * @returns {any} null where there is none
 */
function readManifest(folder) {
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  } catch {
    return null;
  }
}

/**
 * The entries of a folder; none if it does not exist.
 *
 * @param {string} folder
 * @returns {Generator<string>}
 */
function* entries(folder) {
  let names;
  try {
    names = fs.readdirSync(folder);
  } catch {
    return;
  }
  for (const name of names) yield path.join(folder, name);
}

/**
 * Folders of all packages below a `node_modules`, those of pnpm's and Deno's stores inside it included; each once.
 *
 * @param {string} modules
 * @param {Set<string>} seen
 * @returns {Generator<string>}
 */
function* packagesIn(modules, seen) {
  for (const folder of entries(modules)) {
    const name = path.basename(folder);
    if (name === '.pnpm' || name === '.deno' || name === '.store' || name === '.bun') {
      for (const store of entries(folder)) yield* packagesIn(path.join(store, 'node_modules'), seen);
    } else if (name.startsWith('@')) {
      yield* packagesIn(folder, seen);
    } else if (!name.startsWith('.')) {
      let real;
      try {
        real = fs.realpathSync(folder);
      } catch {
        continue;
      }
      if (seen.has(real)) continue;
      seen.add(real);
      yield real;
      // A linked checkout has dependencies of its own, which are not those of the project.
      if (real.split(path.sep).includes('node_modules')) yield* packagesIn(path.join(real, 'node_modules'), seen);
    }
  }
}

/**
 * Folders of all packages of a project that Yarn installed without `node_modules`.
 *
 * @param {any} pnp
 * @returns {Generator<string>}
 */
function* packagesOfPlugAndPlay(pnp) {
  const seen = new Set();
  const waiting = [...pnp.getDependencyTreeRoots()];
  while (waiting.length > 0) {
    const locator = waiting.pop();
    const key = JSON.stringify(locator);
    if (seen.has(key)) continue;
    seen.add(key);
    const { packageLocation, packageDependencies } = pnp.getPackageInformation(locator);
    yield packageLocation;
    for (const [name, reference] of packageDependencies) {
      if (reference !== null) waiting.push(pnp.getLocator(name, reference));
    }
  }
}

/**
 * The Plug'n'Play API of Yarn, for a project that it has installed without `node_modules`; otherwise null.
 *
 * @param {string} project
 * @returns {any}
 */
function plugAndPlay(project) {
  const file = path.join(project, '.pnp.cjs');
  if (!fs.existsSync(file)) return null;
  // Loaded from the project: `yarn dlx` runs this program in another project, and other runners have no Plug'n'Play.
  if (Module.findPnpApi === undefined) require(file).setup();
  return Module.findPnpApi(`${project}${path.sep}`);
}

/**
 * Folders of the project and of all packages in it.
 *
 * @param {string} project
 * @returns {Generator<string>}
 */
function* packages(project) {
  yield project;
  const pnp = plugAndPlay(project);
  if (pnp !== null) yield* packagesOfPlugAndPlay(pnp);
  else for (let place = project; ; place = path.dirname(place)) {
    yield* packagesIn(path.join(place, 'node_modules'), new Set());
    if (path.dirname(place) === place) return;
  }
}

/**
 * The folder of the package that `require(name)` finds from `folder`, or null.
 *
 * @param {string} folder
 * @param {string} name
 * @returns {string | null}
 */
function resolve(folder, name) {
  try {
    return path.dirname(Module.createRequire(path.join(folder, 'package.json')).resolve(`${name}/package.json`));
  } catch {
    return null;
  }
}

/**
 * @typedef {object} Copy a copy of the package
 * @property {string | null} folder null where the dependency is declared and not installed
 * @property {any} manifest its package.json; null where there is none
 * @property {boolean} isOurs
 * @property {string[]} users names of packages; the project itself is called `this project`
 */

/**
 * Every copy that a package of the project loads.
 *
 * @param {string} project its folder
 * @returns {Copy[]}
 */
function findCopies(project) {
  const copies = new Map();
  for (const folder of packages(project)) {
    const manifest = readManifest(folder);
    if (manifest === null) continue;
    const isProject = folder === project;
    const wanted = {
      ...manifest.dependencies, ...manifest.optionalDependencies, ...(isProject && manifest.devDependencies),
    };
    for (const name of NAMES) {
      if (wanted[name] === undefined) continue;
      const found = resolve(folder, name);
      const copy = copies.get(found) || { folder: found, manifest: found && readManifest(found), users: [] };
      copy.isOurs = copy.manifest !== null && copy.manifest.name === 'faye-websocket-rs';
      const user = isProject ? 'this project' : manifest.name;
      if (!copy.users.includes(user)) copy.users.push(user);
      copies.set(found, copy);
    }
  }
  return [...copies.values()];
}

module.exports = { findCopies };
