'use strict';

// Hostile peers of clients, on every path: see hostile/.

require('./hostile/spec').attackPaths('client');
