'use strict';

// Hostile peers of servers, on every path: see hostile/.

require('./hostile/spec').attackPaths('server');
