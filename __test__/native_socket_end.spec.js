'use strict';

// How natively dialled sockets end, by themselves and with their process, and that they leave nothing behind.

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const { setImmediate: turn } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');

const { SLOW, describe, it } = require('./support/spec');
const { MIB, MODULE, onLinux, serve, dial, accepted, closing, echo, echoing, inProcess, busyWorker } = require('./support/native_sockets');
const { countingThreads } = require('./support/node');

describe('ending', () => {
  it('ends after the peer has ended', async (t) => {
    const server = await serve(t, (socket) => socket.end('last words'));
    const socket = dial(t, { host: '127.0.0.1', port: server.address().port });
    const events = [];
    for (const name of ['connect', 'end', 'finish', 'close']) {
      socket.on(name, () => events.push(name));
    }
    socket.on('data', (chunk) => events.push(String(chunk)));
    await once(socket, 'close');
    assert.deepStrictEqual(events, ['connect', 'last words', 'end', 'finish', 'close']);
    assert.strictEqual(socket.readyState, 'closed');
  });

  it('half-closes: the answer to an end still arrives', async (t) => {
    const server = await serve(
      t,
      (socket) => {
        let text = '';
        socket.on('data', (chunk) => (text += chunk));
        socket.on('end', () => socket.end(`got ${text}`));
      },
      undefined,
      { allowHalfOpen: true },
    );
    const socket = dial(t, { host: '127.0.0.1', port: server.address().port });
    socket.end('all');
    let text = '';
    for await (const chunk of socket) text += chunk;
    assert.strictEqual(text, 'got all');
  });

  it('reports a reset as net.Socket does', async (t) => {
    const server = await serve(t, (socket) => socket.on('data', () => socket.resetAndDestroy()));
    const socket = dial(t, { host: '127.0.0.1', port: server.address().port });
    const closed = closing(socket);
    socket.write('x');
    const [error] = await once(socket, 'error');
    assert.strictEqual(error.message, 'read ECONNRESET');
    assert.strictEqual(error.code, 'ECONNRESET');
    assert.strictEqual(error.syscall, 'read');
    assert.strictEqual(error.errno, os.constants.errno.ECONNRESET * -1);
    await closed;
  });

  it('delivers the bytes before a reset, however late they are read', async (t) => {
    const server = await serve(t, (socket) => {
      socket.write('before');
      socket.once('data', () => socket.resetAndDestroy());
    });
    const socket = dial(t, { host: '127.0.0.1', port: server.address().port });
    await once(socket, 'readable');
    const gone = once(await accepted(server), 'close');
    socket.write('go');
    await gone;
    assert.strictEqual(String(socket.read()), 'before');
    const [error] = await once(socket, 'error');
    assert.strictEqual(error.code, 'ECONNRESET');
  });

  it('fails a write to a socket the peer has closed', async (t) => {
    const server = await serve(t, (socket) => socket.end(() => socket.destroy()));
    const socket = dial(t, { host: '127.0.0.1', port: server.address().port });
    socket.allowHalfOpen = true;
    socket.resume();
    await once(socket, 'end');
    const failed = once(socket, 'error');
    const write = () => {
      if (!socket.destroyed) socket.write(Buffer.alloc(65_536), () => setImmediate(write));
    };
    write();
    const [error] = await failed;
    assert.match(error.message, /^(write EPIPE|write ECONNRESET|read ECONNRESET)$/);
  });

  it('closes after destroySoon with everything sent', async (t) => {
    const server = await serve(t, () => {});
    const socket = dial(t, { host: '127.0.0.1', port: server.address().port });
    await once(socket, 'connect');
    const peer = await accepted(server);
    let received = 0;
    peer.on('data', (chunk) => (received += chunk.length));
    socket.write(Buffer.alloc(16 * MIB));
    socket.destroySoon();
    await once(peer, 'end');
    assert.strictEqual(received, 16 * MIB);
    if (!socket.closed) await once(socket, 'close');
  });
});

describe('destroy', () => {
  const states = {
    'at once': () => {},
    'while looking up': () => turn(),
    connected: (socket) => once(socket, 'connect'),
    'in the connect event': (socket) => {
      socket.on('connect', () => socket.destroy());
      return once(socket, 'close');
    },
    'with bytes on the way': async (socket) => {
      await once(socket, 'connect');
      socket.write(Buffer.alloc(8 * MIB));
      await once(socket, 'data');
    },
    'while the output is stuck': async (socket) => {
      socket.pause();
      await once(socket, 'connect');
      socket.write(Buffer.alloc(64 * MIB));
    },
    'while ending': async (socket) => {
      await once(socket, 'connect');
      socket.end();
    },
    'after the end': (socket) => {
      socket.resume().end();
      return once(socket, 'close');
    },
  };
  for (const [state, reach] of Object.entries(states)) {
    it(`${state}: one close, no error, no event after it`, async (t) => {
      const server = await serve(t, echo);
      const socket = dial(t, { host: 'localhost', port: server.address().port });
      const events = [];
      socket.on('error', (error) => events.push(error.message));
      socket.on('close', () => events.push('close'));
      await reach(socket);
      socket.destroy();
      if (!socket.closed) await once(socket, 'close');
      socket.on('data', () => events.push('data'));
      for (let i = 0; i < 20; i++) await turn();
      assert.deepStrictEqual(events, ['close']);
      assert.strictEqual(socket.write('x'), false);
    });
  }

  it('calls back waiting writes with an error', async (t) => {
    const server = await serve(t, (socket) => socket.pause());
    const socket = dial(t, { host: '127.0.0.1', port: server.address().port });
    await once(socket, 'connect');
    const outcome = new Promise((resolve) => socket.write(Buffer.alloc(64 * MIB), resolve));
    socket.destroy();
    assert.ok((await outcome) instanceof Error);
  });

  it('emits the error given to destroy()', async (t) => {
    const { socket } = await echoing(t);
    socket.destroy(new Error('enough'));
    const [error] = await once(socket, 'error');
    assert.strictEqual(error.message, 'enough');
  });
});

describe('process life', () => {
  /** Milliseconds that a process which waits for nothing may take, on a machine that is busy. */
  const LONGEST = 20000;

  const toEcho = `
    const server = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await require('events').once(server, 'listening');
    server.unref();
    server.on('connection', (socket) => socket.on('error', () => {}).unref());
    const target = { host: '127.0.0.1', port: server.address().port };`;

  it('an open socket keeps it alive, a closed one does not', SLOW, async () => {
    const { code, output, lasted } = await inProcess(`${toEcho}
      const socket = new DialledSocket(target);
      socket.on('connect', () => setTimeout(() => {
        console.log('still here');
        socket.resume().end();
      }, 500).unref());`);
    assert.strictEqual(output, 'still here');
    assert.strictEqual(code, 0);
    assert.ok(lasted < LONGEST, `${lasted} ms`);
  });

  for (const [what, body] of [
    ['failed', `new DialledSocket({ host: '127.0.0.1', port: 1 }).on('error', () => {});`],
    ['destroyed', `new DialledSocket(target).on('connect', function () { this.destroy(); });`],
    ['destroyed at once', `new DialledSocket(target).destroy();`],
    ['unref’d', `new DialledSocket(target).unref().on('connect', () => {});`],
    ['ended', `new DialledSocket(target).resume().end('x');`],
  ]) {
    it(`a socket that is ${what} lets it end`, SLOW, async () => {
      const { code, signal, output, lasted } = await inProcess(`${toEcho} ${body}`);
      assert.deepStrictEqual({ code, signal, output }, { code: 0, signal: null, output: '' });
      assert.ok(lasted < LONGEST, `${lasted} ms`);
    });
  }

  it('process.exit at any moment ends cleanly', SLOW, async () => {
    const runs = Array.from({ length: 8 }, (_, i) =>
      inProcess(`${toEcho}
        for (let i = 0; i < 20; i++) {
          const socket = new DialledSocket(target);
          socket.on('error', () => {}).on('data', (chunk) => socket.write(chunk));
          socket.write(Buffer.alloc(100000));
        }
        setTimeout(() => process.exit(7), ${i * 15});`),
    );
    for (const { code, signal, output } of await Promise.all(runs)) {
      assert.deepStrictEqual({ code, signal, output }, { code: 7, signal: null, output: '' });
    }
  });

  it('loading starts no thread', onLinux, async () => {
    const child = spawn(process.execPath, ['-e', countingThreads(`require(${MODULE})`)]);
    const [before, afterwards] = String((await once(child.stdout, 'data'))[0]).trim().split(' ');
    assert.strictEqual(afterwards, before);
  });

  it('a worker terminated while busy takes its sockets with it', { ...onLinux, ...SLOW }, async (t) => {
    const server = await serve(t, echo);
    const source = busyWorker(10, 100);
    const workerData = { host: '127.0.0.1', port: server.address().port };
    const survivor = dial(t, workerData);
    await once(survivor, 'connect');
    for (let round = 0; round < 3; round++) {
      const workers = Array.from(
        { length: 4 },
        () => new Worker(source, { eval: true, workerData }),
      );
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      await Promise.all(workers.map((worker) => worker.terminate()));
      while (server.sockets.size > 1) await turn();
    }
    survivor.write('alive');
    assert.strictEqual(String((await once(survivor, 'data'))[0]), 'alive');
  });
});

describe('leaks', () => {
  const descriptors = () => fs.readdirSync('/proc/self/fd').length;
  const threads = () => fs.readdirSync('/proc/self/task').length;

  it('1000 sockets leave no descriptor and no thread behind', { ...onLinux, ...SLOW }, async (t) => {
    const server = await serve(t, echo);
    const target = { host: '127.0.0.1', port: server.address().port };
    const life = async (i) => {
      const socket = dial({ after() {} }, target);
      await once(socket, 'connect');
      socket.write('x');
      await once(socket, 'data');
      if (i % 2) socket.destroy();
      else socket.end();
      await once(socket, 'close');
    };
    const batch = (count) => Promise.all(Array.from({ length: count }, (_, i) => life(i)));
    await batch(50);
    while (server.sockets.size) await turn();
    const before = [descriptors(), threads()];
    for (let i = 0; i < 10; i++) await batch(100);
    while (server.sockets.size) await turn();
    const grown = [descriptors() - before[0], threads() - before[1]];
    assert.ok(grown[0] <= 2, `${grown[0]} descriptors more`);
    assert.ok(grown[1] <= 0, `${grown[1]} threads more`);
  });
});
