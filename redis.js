'use strict';

module.exports = require('./lib/redis_adapter');
