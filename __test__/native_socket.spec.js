'use strict';

// Natively dialled sockets as streams: connecting, bytes, back-pressure, and the surface of a net.Socket.

const assert = require('node:assert');
const { AsyncLocalStorage } = require('node:async_hooks');
const { randomBytes, createHash } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { setImmediate: turn } = require('node:timers/promises');

const DialledSocket = require('../lib/socket/dialled.js');
const { describe, it } = require('./support/spec');
const { keepsMemory } = require('./support/node');
const { timesOutWhenQuiet } = require('./support/quiet');
const { MIB, serve, dial, accepted, closing, echo, echoing, inProcess } = require('./support/native_sockets');

describe('connecting', () => {
  it('connects by address, and has the addresses of both sides', async (t) => {
    const { server, socket } = await echoing(t);
    const other = await accepted(server);
    assert.strictEqual(socket.remotePort, server.address().port);
    assert.strictEqual(socket.remoteAddress, '127.0.0.1');
    assert.strictEqual(socket.remoteFamily, 'IPv4');
    assert.strictEqual(socket.localPort, other.remotePort);
    assert.strictEqual(socket.localAddress, '127.0.0.1');
    assert.strictEqual(socket.connecting, false);
    assert.strictEqual(socket.readyState, 'open');
  });

  it('tries every address of a name', async (t) => {
    // localhost is ::1 and 127.0.0.1 on most systems; the server has only the latter.
    const server = await serve(t, echo);
    const socket = dial(t, { host: 'localhost', port: server.address().port });
    await once(socket, 'connect');
    assert.strictEqual(socket.remoteAddress, '127.0.0.1');
  });

  it('connects by IPv6', async (t) => {
    const server = await serve(t, echo, { port: 0, host: '::1' }).catch(() => null);
    if (!server) return t.skip('no IPv6 here');
    const socket = dial(t, { host: '::1', port: server.address().port });
    await once(socket, 'connect');
    assert.strictEqual(socket.remoteAddress, '::1');
    assert.strictEqual(socket.remoteFamily, 'IPv6');
  });

  it('connects to a Unix socket', { skip: process.platform === 'win32' }, async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'native-socket-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const name = path.join(folder, 's');
    await serve(t, echo, { path: name });
    const socket = dial(t, { path: name });
    await once(socket, 'connect');
    assert.strictEqual(socket.remoteAddress, undefined);
    socket.write('over a path');
    assert.strictEqual(String((await once(socket, 'data'))[0]), 'over a path');
  });

  it('sends the bytes written before it is connected, in order', async (t) => {
    const server = await serve(t, echo);
    const socket = dial(t, { host: '127.0.0.1', port: server.address().port });
    for (const part of ['a', 'b', 'c', 'd']) socket.write(part);
    socket.end('e');
    assert.strictEqual(socket.connecting, true);
    assert.strictEqual(socket.bytesWritten, 5);
    let text = '';
    for await (const chunk of socket) text += chunk;
    assert.strictEqual(text, 'abcde');
  });

  for (const [what, options] of [
    ['a refused address', { host: '127.0.0.1', port: 1 }],
    ['a missing Unix socket', { path: path.join(os.tmpdir(), 'no', 'such', 'socket') }],
    ['an unknown name', { host: 'no-such-host.invalid', port: 80 }],
  ]) {
    it(`fails as net.Socket does: ${what}`, async (t) => {
      const theirs = net.connect(options);
      const [expected] = await once(theirs, 'error');
      const ours = dial(t, options);
      const closed = closing(ours);
      const [error] = await once(ours, 'error');
      assert.strictEqual(error.message, expected.message);
      for (const field of ['code', 'errno', 'syscall', 'address', 'port', 'hostname']) {
        assert.strictEqual(error[field], expected[field], field);
      }
      await closed;
      assert.strictEqual(ours.destroyed, true);
    });
  }
});

describe('bytes', () => {
  it('carries 32 MiB there and back while both sides are slow in turns', async (t) => {
    const { socket } = await echoing(t);
    const sent = createHash('sha1');
    const received = createHash('sha1');
    const total = 32 * MIB;
    let length = 0;
    const done = new Promise((resolve) => {
      socket.on('data', (chunk) => {
        received.update(chunk);
        length += chunk.length;
        if (length % 7 === 0) {
          socket.pause();
          setImmediate(() => socket.resume());
        }
        if (length === total) resolve();
      });
    });
    const block = randomBytes(123_457);
    let congested = 0;
    for (let at = 0; at < total; at += block.length) {
      const part = block.subarray(0, Math.min(block.length, total - at));
      sent.update(part);
      if (!socket.write(part)) {
        congested++;
        await once(socket, 'drain');
      }
    }
    await done;
    assert.strictEqual(received.digest('hex'), sent.digest('hex'));
    assert.strictEqual(socket.bytesRead, total);
    assert.strictEqual(socket.bytesWritten, total);
    assert.ok(congested > 0);
  });

  it('hands out memory that nobody else writes to', async (t) => {
    const { socket } = await echoing(t);
    const kept = [];
    socket.on('data', (chunk) => {
      kept.push([chunk, Buffer.from(chunk)]);
      // As the protocol core does when it unmasks in place.
      chunk.fill(0xee, 0, 1);
      kept[kept.length - 1][1].fill(0xee, 0, 1);
    });
    for (let i = 0; i < 200; i++) {
      socket.write(randomBytes(1 + ((i * 997) % 5000)));
      await turn();
    }
    socket.end();
    await once(socket, 'close');
    for (const [chunk, copy] of kept) assert.ok(chunk.equals(copy));
  });

  it('has copied the bytes when write returns', async (t) => {
    const { socket } = await echoing(t);
    const block = Buffer.alloc(8 * MIB, 'a');
    let received = 0;
    socket.on('data', (chunk) => {
      assert.strictEqual(chunk.indexOf('b'), -1);
      received += chunk.length;
      if (received === block.length) socket.end();
    });
    socket.write(block);
    block.fill('b');
    await once(socket, 'close');
    assert.strictEqual(received, block.length);
  });

  it('sends corked chunks in one piece', async (t) => {
    const { socket } = await echoing(t);
    socket.cork();
    for (const part of ['one ', 'two ', '', 'three']) socket.write(part);
    socket.uncork();
    assert.strictEqual(String((await once(socket, 'data'))[0]), 'one two three');
  });

  it('takes more corked chunks than one system call does', async (t) => {
    const { socket } = await echoing(t);
    socket.cork();
    const parts = Array.from({ length: 5000 }, (_, i) => `${i},`);
    for (const part of parts) socket.write(part);
    socket.uncork();
    socket.end();
    let text = '';
    for await (const chunk of socket) text += chunk;
    assert.strictEqual(text, parts.join(''));
  });

  it('keeps writes in order across a full kernel buffer', async (t) => {
    const server = await serve(t, (socket) => socket.pause());
    const socket = dial(t, { host: '127.0.0.1', port: server.address().port });
    await once(socket, 'connect');
    const sent = createHash('sha1');
    for (let i = 0; i < 200; i++) {
      const block = randomBytes(65_536 + i);
      sent.update(block);
      socket.write(block);
    }
    socket.end();
    assert.ok(socket.writableLength > 0);
    const received = createHash('sha1');
    for await (const chunk of await accepted(server)) received.update(chunk);
    assert.strictEqual(received.digest('hex'), sent.digest('hex'));
    assert.strictEqual(socket.writableLength, 0);
  });
});

describe('back-pressure', () => {
  it('stops reading the kernel socket while paused', async (t) => {
    let written = 0;
    const server = await serve(t, (socket) => {
      const block = Buffer.alloc(65_536);
      const fill = () => {
        while (written < 256 * MIB && !socket.destroyed) {
          written += block.length;
          if (!socket.write(block)) return void socket.once('drain', fill);
        }
      };
      fill();
    });
    const socket = dial(t, { host: '127.0.0.1', port: server.address().port });
    socket.pause();
    await once(socket, 'connect');
    const peer = await accepted(server);
    const before = process.memoryUsage().rss;
    // The peer is stuck when a drain does not come for a while; the kernels' buffers are full then.
    for (let last = -1; last !== written; ) {
      last = written;
      await Promise.race([once(peer, 'drain'), new Promise((r) => setTimeout(r, 300))]);
    }
    const stuck = written;
    assert.ok(stuck < 32 * MIB, `${stuck} bytes accepted from the peer`);
    assert.ok(keepsMemory || process.memoryUsage().rss - before < 32 * MIB);
    let received = 0;
    socket.on('data', (chunk) => (received += chunk.length));
    socket.resume();
    while (received < stuck + MIB) await once(socket, 'data');
  });

  it('write is false while the peer does not read, and drain follows', async (t) => {
    const server = await serve(t, (socket) => socket.pause());
    const socket = dial(t, { host: '127.0.0.1', port: server.address().port });
    await once(socket, 'connect');
    const block = Buffer.alloc(65_536);
    let taken = 0;
    while (socket.write(block)) {
      taken += block.length;
      await turn();
      assert.ok(taken < 64 * MIB);
    }
    assert.ok(socket.writableLength > 0);
    const peer = await accepted(server);
    peer.resume();
    await once(socket, 'drain');
    assert.strictEqual(socket.writableLength, 0);
  });

  it('calls back a write when the kernel has it', async (t) => {
    const server = await serve(t, (socket) => socket.pause());
    const socket = dial(t, { host: '127.0.0.1', port: server.address().port });
    await once(socket, 'connect');
    let done = false;
    const written = new Promise((resolve) => {
      socket.write(Buffer.alloc(64 * MIB), () => {
        done = true;
        resolve();
      });
    });
    for (let i = 0; i < 50; i++) await turn();
    assert.strictEqual(done, false);
    const peer = await accepted(server);
    peer.resume();
    await written;
    assert.strictEqual(socket.bytesWritten, 64 * MIB);
  });
});

describe('surface', () => {
  it('times out when nothing moves, and not while something does', async (t) => {
    const { socket } = await echoing(t);
    socket.resume();
    await timesOutWhenQuiet(socket, 120, () => new Promise((resolve) => socket.write('x', resolve)));
    assert.strictEqual(socket.timeout, 120);
    assert.strictEqual(socket.destroyed, false);
    socket.setTimeout(0);
    assert.throws(() => socket.setTimeout('soon'));
  });

  it('accepts the setters in every state', async (t) => {
    const server = await serve(t, echo);
    const socket = dial(t, { host: '127.0.0.1', port: server.address().port });
    const touch = () => {
      assert.strictEqual(socket.setNoDelay(false), socket);
      assert.strictEqual(socket.setNoDelay(), socket);
      assert.strictEqual(socket.setKeepAlive(true, 5000), socket);
      assert.strictEqual(socket.setKeepAlive(false), socket);
      assert.strictEqual(socket.setTimeout(0), socket);
      assert.strictEqual(socket.ref(), socket);
      assert.strictEqual(socket.unref().ref(), socket);
      socket.address();
    };
    touch();
    await once(socket, 'connect');
    touch();
    socket.destroy();
    touch();
    await once(socket, 'close');
    touch();
  });

  it('refuses a target it cannot understand, at the call', () => {
    for (const port of [NaN, -1, 65_536, undefined, 'x']) {
      assert.throws(() => new DialledSocket({ host: '127.0.0.1', port }), RangeError);
    }
  });

  it('goes on after a listener has thrown', async () => {
    const { code, output } = await inProcess(`
      process.on('uncaughtException', (error) => console.log(error.message));
      const server = net.createServer((socket) => socket.end(Buffer.alloc(1e6))).listen(0, () => {
        const socket = new DialledSocket({ host: '127.0.0.1', port: server.address().port });
        let length = 0;
        let thrown = 0;
        socket.on('connect', () => { throw new Error('in connect'); });
        socket.on('data', (chunk) => {
          length += chunk.length;
          if (thrown++ < 2) throw new Error('in data');
        });
        socket.on('close', () => { console.log(length); server.close(); });
      });`);
    assert.strictEqual(output, 'in connect\nin data\nin data\n1000000');
    assert.strictEqual(code, 0);
  });

  it('shows listeners the async store of the creator', async (t) => {
    const server = await serve(t, echo);
    const storage = new AsyncLocalStorage();
    const seen = {};
    const socket = storage.run('creator', () =>
      dial(t, { host: '127.0.0.1', port: server.address().port }),
    );
    const note = (name) => () => (seen[name] = storage.getStore());
    for (const name of ['connect', 'data', 'end', 'drain', 'close']) socket.on(name, note(name));
    await once(socket, 'connect');
    // Until the system takes no more at once: 'drain' follows nothing else.
    storage.run('sender', () => { while (socket.write(Buffer.alloc(4 * MIB))); });
    await once(socket, 'drain');
    storage.run('closer', () => socket.end());
    await once(socket, 'close');
    assert.deepStrictEqual(
      seen,
      Object.fromEntries(['connect', 'data', 'end', 'drain', 'close'].map((n) => [n, 'creator'])),
    );
  });
});

