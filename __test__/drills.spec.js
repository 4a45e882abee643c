'use strict';

// Threads that come and go with traffic, in small: see drills/.

const assert = require('node:assert');

const { it } = require('./support/spec');
const { DRILLS, play } = require('./drills/drills');

for (const [name, { bounded, boundedRepeats = 1 }] of Object.entries(DRILLS)) {
  it(`threads with traffic: ${name}`, { timeout: 240000 }, async () => {
    for (let i = 0; i < boundedRepeats; i++) assert.strictEqual(await play(name, bounded, 60), 'exit 0');
  });
}
