'use strict';

// What files of src/ and of lib/ take from each other makes no circle, and in src/ points inward.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it } = require('./support/spec');

const root = path.join(__dirname, '..', 'src');

/** What `use` takes, as lists of names: `a::{b, c::d}` is two of them. */
function paths(tree, prefix = []) {
  const items = [];
  let depth = 0;
  let item = '';
  for (const character of `${tree},`) {
    if (character === '{') depth++;
    if (character === '}') depth--;
    if (character === ',' && depth === 0) {
      if (item.trim() !== '') items.push(item.trim());
      item = '';
    } else item += character;
  }
  return items.flatMap((each) => {
    const [, head, inner] = /^([^{]*)\{([\s\S]*)\}$/.exec(each) || [];
    const names = (text) => text.split('::').map((name) => name.trim().split(/\s/)[0]).filter((name) => name !== '');
    return inner === undefined ? [[...prefix, ...names(each)]] : paths(inner, [...prefix, ...names(head)]);
  });
}

/** Code of the Rust files by module, such as `transport::event_loop::set`; without comments and tests. */
function modules() {
  const found = new Map();
  for (const file of fs.readdirSync(root, { recursive: true }).filter((each) => each.endsWith('.rs'))) {
    const parts = file.slice(0, -3).split(path.sep);
    if (['mod', 'lib'].includes(parts.at(-1))) parts.pop();
    const code = fs.readFileSync(path.join(root, file), 'utf8').replace(/\/\/.*/g, '');
    found.set(parts.join('::'), code.replace(/\n#\[cfg\([^\n]*\btest\b[^\n]*\]\n(?:#[^\n]*\n)*mod \w+ \{[\s\S]*/, ''));
  }
  for (const [name, code] of [...found]) {
    for (const [, child] of code.matchAll(/#\[cfg\([^\n]*\btest\b[^\n]*\]\n(?:#[^\n]*\n)*mod (\w+);/g)) {
      found.delete([name, child].filter((each) => each !== '').join('::'));
    }
  }
  return found;
}

/** The modules that a module takes something from, but for those that it lies in and those that lie in it. */
function imports(name, code, all) {
  const taken = [...code.matchAll(/\buse ([^;]+);/g)].flatMap(([, tree]) => paths(tree));
  for (const [path] of code.replace(/\buse [^;]+;/g, '').matchAll(/\b(?:crate|super)(?:::\w+)+/g)) taken.push(path.split('::'));
  const found = new Set();
  for (const names of taken) {
    let at = name === '' ? [] : name.split('::');
    let rest = names;
    if (rest[0] === 'crate') [at, rest] = [[], rest.slice(1)];
    for (; rest[0] === 'super' || rest[0] === 'self'; rest = rest.slice(1)) if (rest[0] === 'super') at = at.slice(0, -1);
    while (rest.length > 0 && all.has([...at, rest[0]].join('::'))) [at, rest] = [[...at, rest[0]], rest.slice(1)];
    const target = at.join('::');
    const isKin = target === '' || `${name}::`.startsWith(`${target}::`) || `${target}::`.startsWith(`${name}::`);
    if (all.has(target) && !isKin) found.add(target);
  }
  return found;
}

/** The names on a way from `name` back to it, or null. */
function circle(name, graph) {
  const waiting = [[name]];
  const seen = new Set();
  for (let way = waiting.pop(); way !== undefined; way = waiting.pop()) {
    for (const next of graph.get(way.at(-1))) {
      if (next === name) return way;
      if (!seen.has(next)) waiting.push([...way, next]);
      seen.add(next);
    }
  }
  return null;
}

describe('imports of Rust files', () => {
  const all = modules();
  const graph = new Map([...all].map(([name, code]) => [name, imports(name, code, all)]));

  it('are found', () => {
    assert.ok(graph.get('transport::event_loop::set').has('transport::event_loop::poller'));
    assert.ok(graph.get('binding::sessions').has('proto::sessions'));
    assert.ok(!graph.has('transport::event_loop::tests'));
  });

  it('make no circle', () => {
    assert.deepStrictEqual([...graph.keys()].map((name) => circle(name, graph)).filter((way) => way !== null), []);
  });

  it('point inward: core and node_api import no ring, transport and wasm the core, binding the core, transport and node_api', () => {
    const inner = {
      proto: [], node_api: [], transport: ['proto'], binding: ['proto', 'transport', 'node_api'], wasm: ['proto'],
    };
    const ring = (name) => name.split('::')[0];
    const outward = [...graph].flatMap(([name, taken]) => [...taken].filter((other) => (
      ring(name) in inner && ring(other) !== ring(name) && !inner[ring(name)].includes(ring(other))
    )).map((other) => `${name} takes from ${other}`));
    assert.deepStrictEqual(outward, []);
  });
});

describe('imports of JavaScript files', () => {
  const lib = path.join(__dirname, '..', 'lib');
  const files = fs.readdirSync(lib, { recursive: true })
    .filter((file) => file.endsWith('.js') && !file.startsWith(`wasm${path.sep}`)).map((file) => path.join(lib, file));
  const graph = new Map(files.map((file) => {
    const code = fs.readFileSync(file, 'utf8').replace(/\/\*[^]*?\*\//g, '').replace(/\/\/.*/g, '');
    const names = [...code.matchAll(/\brequire\('(\.[^']*)'\)/g)].map(([, name]) => path.resolve(path.dirname(file), `${name}.js`));
    return [file, new Set(names.filter((name) => files.includes(name)))];
  }));

  it('are found', () => {
    assert.ok(graph.get(path.join(lib, 'driver', 'client.js')).has(path.join(lib, 'driver', 'hybi.js')));
  });

  it('make no circle', () => {
    assert.deepStrictEqual([...graph.keys()].map((name) => circle(name, graph)).filter((way) => way !== null), []);
  });
});
