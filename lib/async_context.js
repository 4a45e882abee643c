'use strict';

const { AsyncResource } = require('async_hooks');

/** An async context that holds nothing open by itself, and tells tools that look for open handles so. */
class AsyncContext extends AsyncResource {
  hasRef() {
    return false;
  }
}

module.exports = AsyncContext;
