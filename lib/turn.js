'use strict';

/**
 * Whatever is sent in one turn of the event loop leaves in one write: drivers with output queue up
 * here and are flushed when the running callback is done, before the loop waits again.
 */
const waiting = [];
let listening = false;

function flush() {
  for (let i = 0; i < waiting.length; i++) waiting[i].flush();
  waiting.length = 0;
}

/** Has `driver.flush()` called at the end of the turn. */
function flushAtEndOfTurn(driver) {
  if (waiting.push(driver) !== 1) return;
  if (!listening) {
    listening = true;
    // `ws.send(x); process.exit()` has always delivered x.
    process.on('exit', flush);
  }
  process.nextTick(flush);
}

module.exports = { flushAtEndOfTurn };
