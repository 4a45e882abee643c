'use strict';

// Natively dialled TLS connections once they stand: streams that half-close, and leave nothing behind.

const assert = require('node:assert');
const { once } = require('node:events');
const fs = require('node:fs');
const tls = require('node:tls');
const { Worker } = require('node:worker_threads');

const DialledSocket = require('../lib/socket/dialled.js');
const { SLOW, describe, it } = require('./support/spec');
const { pair, ca } = require('./support/network');
const { MIB, onLinux, dial, echo, listen, tlsServer, roundTrip, busyWorker } = require('./support/native_sockets');

describe('life of a TLS connection', () => {
  const count = (what) => fs.readdirSync(`/proc/self/${what}`).length;

  it('leaves no descriptor and no thread behind', { ...onLinux, ...SLOW }, async (t) => {
    const server = tls.createServer(pair('server'), echo);
    const place = await listen(t, server);
    const open = () => new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
    const idle = async () => {
      while ((await open()) > 0) await new Promise(setImmediate);
    };
    const life = async (_, i) => {
      const socket = new DialledSocket({ ...place, host: '127.0.0.1', tls: { ca } });
      await once(socket, 'connect');
      socket.write('x');
      await once(socket, 'data');
      if (i % 2) socket.destroy();
      else socket.end();
      await once(socket, 'close');
    };
    const batch = () => Promise.all(Array.from({ length: 50 }, life));
    await batch();
    await idle();
    const before = [count('fd'), count('task')];
    for (let i = 0; i < 6; i++) await batch();
    await idle();
    const grown = [count('fd') - before[0], count('task') - before[1]];
    assert.ok(grown[0] <= 2 && grown[1] <= 0, `${grown} descriptors and threads more`);
  });

  it('ends with its worker', SLOW, async (t) => {
    const place = await tlsServer(t);
    const source = busyWorker(5, 50);
    const workerData = { ...place, tls: { ca: String(ca) } };
    for (let round = 0; round < 3; round++) {
      const workers = Array.from({ length: 4 }, () => new Worker(source, { eval: true, workerData }));
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
    await roundTrip(dial(t, { ...place, tls: { ca } }), 1000);
  });

  it('reports a reset that a write meets as one of the kernel, not of OpenSSL', async (t) => {
    const place = await tlsServer(t, pair('server'), (socket) => {
      socket.on('error', () => {}).pause();
      // With unread bytes, which resets the connection.
      socket.once('readable', () => socket.destroy());
    });
    for (let i = 0; i < 5; i++) {
      const socket = dial(t, { ...place, tls: { ca } });
      await once(socket, 'connect');
      const failed = once(socket, 'error');
      const write = () => {
        if (!socket.destroyed) socket.write(Buffer.alloc(MIB), () => setImmediate(write));
      };
      write();
      const [error] = await failed;
      assert.match(error.message, /^(write EPIPE|write ECONNRESET|read ECONNRESET)$/);
      assert.match(error.code, /^(EPIPE|ECONNRESET)$/);
    }
  });

  it('counts the bytes that the kernel has not taken', async (t) => {
    const place = await tlsServer(t, pair('server'), (socket) => socket.on('error', () => {}).pause());
    const socket = dial(t, { ...place, tls: { ca } });
    await once(socket, 'connect');
    let written = 0;
    while (written < 64 * MIB && socket.writableLength < MIB) {
      written += 100_000;
      socket.write(Buffer.alloc(100_000));
      await new Promise(setImmediate);
    }
    assert.ok(written < 32 * MIB, `${written} bytes vanished`);
    assert.strictEqual(socket.bytesWritten, written);
  });

  it('sends the accepted bytes before a destroy', async (t) => {
    let received = '';
    const place = await tlsServer(t, pair('server'), (socket) => {
      socket.on('error', () => {}).on('data', (chunk) => (received += chunk));
      socket.write('go');
    });
    for (let i = 0; i < 50; i++) {
      const socket = dial(t, { ...place, tls: { ca } });
      // Closing with something unread would reset the connection, and take what is under way with it.
      await once(socket, 'data');
      socket.write('x', () => socket.destroy());
      await once(socket, 'close');
    }
    while (received.length < 50) await new Promise(setImmediate);
  });
});

describe('a TLS stream', () => {
  it('is a half-closing stream', async (t) => {
    const place = await tlsServer(t, pair('server'), (socket) => {
      let text = '';
      socket.on('data', (chunk) => (text += chunk));
      socket.on('end', () => socket.end(`got ${text}`));
    });
    const socket = dial(t, { ...place, tls: { ca } });
    socket.end('all');
    let text = '';
    for await (const chunk of socket) text += chunk;
    assert.strictEqual(text, 'got all');
  });

  it('ends when the server closes the connection without close_notify', async (t) => {
    const server = tls.createServer(pair('server'), (socket) => socket.write('bye'));
    let raw;
    server.on('connection', (socket) => (raw = socket));
    const place = await listen(t, server);
    const socket = dial(t, { ...place, tls: { ca } });
    const chunks = [];
    socket.on('data', (chunk) => {
      chunks.push(String(chunk));
      raw.end();
    });
    await once(socket, 'end');
    assert.deepStrictEqual(chunks, ['bye']);
  });

  it('stops reading while paused, and says false while the server does not read', async (t) => {
    let written = 0;
    let peer;
    const place = await tlsServer(t, pair('server'), (socket) => {
      peer = socket.on('error', () => {}).pause();
      const block = Buffer.alloc(65_536);
      const fill = () => {
        while (written < 128 * MIB && !socket.destroyed) {
          written += block.length;
          if (!socket.write(block)) return void socket.once('drain', fill);
        }
      };
      fill();
    });
    const socket = dial(t, { ...place, tls: { ca } });
    socket.pause();
    await once(socket, 'connect');
    const block = Buffer.alloc(65_536);
    let taken = 0;
    while (taken < 64 * MIB) {
      taken += block.length;
      if (socket.write(block)) continue;
      const drained = await Promise.race([
        once(socket, 'drain').then(() => true),
        new Promise((resolve) => setTimeout(resolve, 300, false)),
      ]);
      if (!drained) break;
    }
    assert.ok(taken < 32 * MIB, `${taken} bytes taken`);
    assert.ok(socket.writableLength > 0);
    assert.ok(written < 32 * MIB, `${written} bytes sent to us`);
    const drained = once(socket, 'drain');
    peer.resume();
    await drained;
    let received = 0;
    socket.on('data', (chunk) => (received += chunk.length)).resume();
    while (received < 32 * MIB) await once(socket, 'data');
  });
});
