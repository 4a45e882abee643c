'use strict';

// Our drivers under the names of websocket-driver's classes, for its spec:
// see scripts/test-original.js.

const { Draft75, Draft76 } = require('../../lib/driver/hixie');

module.exports = {
  Hybi: require('../../lib/driver/hybi_server'),
  Client: require('../../lib/driver/client'),
  Draft75,
  Draft76
};
