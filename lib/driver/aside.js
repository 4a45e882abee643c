'use strict';

/** @import { ByteStream, DirectSocket } from '../contracts' */

/**
 * Whoever reads a socket past its stream steps aside while the application is paused: the stream reads
 * instead, up to its high-water mark, and so finds the end of the connection or its failure as that
 * of any paused `net.Socket` does.
 */

// Not the global one, which test runners replace.
const { setImmediate } = require('timers');

/**
 * Has a DirectSocket step aside or come back before the loop polls again. The DirectSocket itself calls it, when the
 * application pauses or resumes.
 *
 * @param {DirectSocket} direct
 */
function settleLater(direct) {
  if (direct._isSettling) return;
  direct._isSettling = true;
  setImmediate(settle, direct);
}

/** @param {DirectSocket} direct */
function settle(direct) {
  direct._isSettling = false;
  if (direct._driver.io._paused || direct._socket.isPaused()) direct.stepAside();
  else direct.comeBack();
}

const EMPTY = Buffer.alloc(0);

/**
 * A stream whose reader was paused by a listener of its own has been told to wait: the pipe is told now.
 * Paused at any other moment, the reader takes one chunk more, as every pipe has it.
 *
 * @param {ByteStream} socket
 */
function hold(socket) {
  socket.emit('data', EMPTY);
}

module.exports = { settleLater, hold };
