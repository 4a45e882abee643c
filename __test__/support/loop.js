'use strict';

// Runs the event loop from a listener, as the npm package deasync does: a small addon that is compiled when it is
// first asked for. It declares for itself what it needs of Node-API and libuv.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const SOURCE = `
#include <stddef.h>
#include <stdbool.h>
typedef void *env, *info, *value, *function;
extern int napi_get_uv_event_loop(env, void **);
extern int napi_create_function(env, const char *, size_t, function, void *, value *);
extern int napi_get_undefined(env, value *);
extern int uv_run(void *, int);
enum { UV_RUN_NOWAIT = 2 };

static value turn(env env, info info) {
  void *loop;
  value result = NULL;
  if (napi_get_uv_event_loop(env, &loop) == 0) uv_run(loop, UV_RUN_NOWAIT);
  napi_get_undefined(env, &result);
  return result;
}

value napi_register_module_v1(env env, value exports) {
  value result = exports;
  napi_create_function(env, "turn", (size_t) -1, (function) turn, NULL, &result);
  return result;
}
`;

/** Why the loop cannot be run from a listener here, or false. */
let skip = false;
let turn;

(function build() {
  if (process.platform === 'win32') {
    skip = 'Windows links addons against the executable';
    return;
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'faye-websocket-loop-'));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'loop.node');
  const flags = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  const options = { input: SOURCE, encoding: 'utf8', timeout: 60000 };
  const { error, status, stderr } = spawnSync('cc', ['-shared', '-fPIC', ...flags, '-x', 'c', '-', '-o', file], options);
  if (error || status !== 0) {
    skip = `no C compiler: ${error ? error.message : stderr}`;
    return;
  }
  turn = require(file);
})();

const PATIENCE = 5000; // milliseconds

/** Runs the loop, without leaving the caller, until `condition` holds. */
function runLoopUntil(condition) {
  const start = Date.now();
  while (!condition()) {
    if (Date.now() - start > PATIENCE) throw new Error(`never came true while the loop was run: ${condition}`);
    turn();
  }
}

module.exports = { skip, turn: () => turn(), runLoopUntil };
