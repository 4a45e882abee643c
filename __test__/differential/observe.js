'use strict';

// Writes down all that a program can see of a WebSocket, and makes it act on command.

function shown(data) {
  return Buffer.isBuffer(data)
    ? `buffer(${data.length}):${data.toString('hex').slice(0, 80)}`
    : `${typeof data}(${String(data).length}):${String(data).slice(0, 60)}`;
}

/**
 * Logs every event of the socket and answers every message: a text that begins with `!` is a command, anything
 * else is echoed, up to `echoUpTo` bytes or characters.
 *
 * @returns {(what: string) => void} adds a line of one's own, with the state
 */
function observe(ws, log, { echoUpTo = Infinity, details = () => '' } = {}) {
  const note = (what) => log.push(`${what} [state ${ws.readyState}]`);
  const buffered = (event) => Object.keys(event).join();
  ws.onopen = (event) => note(`open protocol=${JSON.stringify(ws.protocol)}${details()} ${buffered(event)}`);
  ws.onerror = (event) => note(`error ${event.message}${details()}`);
  ws.onclose = (event) => note(`close ${event.code} ${JSON.stringify(event.reason)}${details()} readable=${ws.readable} writable=${ws.writable}`);
  ws.on('end', () => note(`end readable=${ws.readable} writable=${ws.writable}`));
  ws.on('data', (data) => note(`data ${shown(data)}`));
  ws.onmessage = ({ data }) => {
    note(`message ${shown(data)}`);
    if (typeof data === 'string' && data[0] === '!') act(ws, data, note);
    else if (data.length <= echoUpTo) note(`send -> ${ws.send(data)}`);
  };
  return note;
}

function act(ws, command, note) {
  const [name, ...args] = command.slice(1).split(' ');
  const call = (label, action) => {
    try {
      note(`${label} -> ${action()}`);
    } catch (error) {
      note(`${label} threw ${error.message}`);
    }
  };
  const send = (message) => call('send', () => ws.send(message));
  const actions = {
    close() {
      call('close', () => (args.length ? ws.close(Number(args[0]), args[1]) : ws.close()));
      send('late');
      call('ping', () => ws.ping('late'));
      call('close again', () => ws.close());
    },
    ping: () => call('ping', () => ws.ping(args[0])),
    'ping-callback': () => call('ping', () => ws.ping(args[0], () => note(`pong ${args[0]}`))),
    binary: () => send(Buffer.from([1, 2, 3, 254, 255])),
    'send-many': () => { for (let i = 0; i < 5; i++) send(`m${i}`); },
    end: () => call('end', () => ws.end(args[0])),
    number: () => send(42),
    array: () => send([1, 2, 3]),
    null: () => send(null),
    surrogate: () => send('lone \ud800 surrogate'),
    listeners() {
      const listener = () => {
        note('listener');
        ws.removeEventListener('message', listener);
      };
      ws.addEventListener('message', listener);
      ws.addEventListener('message', listener);
      ws.removeEventListener('message', listener);
    },
    write: () => call('write', () => ws.write(command)),
  };
  (actions[name] || actions.write)();
}

module.exports = { observe };
