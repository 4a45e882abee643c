'use strict';

/** Values of `readyState`, as the WHATWG's WebSocket has them. */
module.exports = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };
