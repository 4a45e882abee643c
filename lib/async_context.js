'use strict';

const { AsyncResource } = require('async_hooks');

/** An async context. Tools that look for open handles ask `hasRef` whether it keeps the process alive: it does not. */
class AsyncContext extends AsyncResource {
  hasRef() {
    return false;
  }
}

module.exports = AsyncContext;
