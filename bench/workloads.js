'use strict';

/**
 * What is measured. A workload is `{ id, group, title, peers, spec, rounds? }`, where `spec` is
 * the load generator's (loadgen/src/spec.rs) without the port and the protocol.
 */

const PLAIN = ['ours', 'oursStream', 'ws', 'original', 'websocketNode', 'net'];
// Over TLS there is no kernel path to switch off.
const TLS = ['ours', 'ws', 'original', 'websocketNode', 'net'];

const KIB = 1024;
const MIB = 1024 * KIB;

const human = (size) => {
  if (size >= MIB) return `${size / MIB} MiB`;
  return size >= KIB ? `${size / KIB} KiB` : `${size} B`;
};
const slug = (size) => human(size).replace('iB', '').replace(/ |B/g, '').toLowerCase();
const kind = (binary) => (binary ? 'binary' : 'text');

/** @returns {object[]} every workload, shortened when `quick` */
exports.workloads = ({ quick }) => {
  const window = (ms) => ({ milliseconds: quick ? Math.ceil(ms / 2) : ms });
  const warmUp = { milliseconds: 50 };
  const list = [];

  const echo = (group, peers, size, connections, depth, binary, tls) => list.push({
    id: `${group}-${slug(size)}-d${depth}-${kind(binary)}`,
    group,
    title: `${human(size)} ${kind(binary)}, ${depth} in flight × ${connections}`,
    peers,
    spec: {
      mode: 'echo', size, connections, depth, binary, tls,
      warmUp, measure: window(200)
    }
  });

  for (const [size, connections] of [
    [64, 100], [KIB, 100], [16 * KIB, 50], [128 * KIB, 16], [MIB, 4]
  ]) {
    for (const depth of [1, 16]) {
      for (const binary of [false, true]) echo('echo', PLAIN, size, connections, depth, binary);
    }
  }

  // The rows of ws's own benchmark: one connection, a fixed number of round trips.
  for (const [binary, roundTrips, size] of [
    [true, 10000, 64], [true, 5000, 16 * KIB], [true, 1000, 128 * KIB], [true, 100, MIB],
    [true, 1, 500 * MIB],
    [false, 10000, 64], [false, 5000, 16 * KIB], [false, 1000, 128 * KIB], [false, 100, MIB]
  ]) {
    const huge = roundTrips === 1;
    if (huge && quick) continue;
    list.push({
      id: `speed-${slug(size)}-${kind(binary)}`,
      group: 'speed',
      title: `${human(size)} ${kind(binary)}, ${roundTrips} round trip${huge ? '' : 's'}`,
      peers: PLAIN,
      rounds: huge ? 1 : undefined,
      spec: {
        mode: 'echo', size, binary, connections: 1, depth: 1,
        warmUp: huge ? null : { messages: roundTrips / 10 },
        measure: { messages: quick ? Math.ceil(roundTrips / 2) : roundTrips }
      }
    });
  }

  list.push({
    id: 'broadcast',
    group: 'broadcast',
    title: '128 B text to 1000, 10 per turn',
    peers: PLAIN,
    spec: {
      mode: 'broadcast', size: 128, connections: 1000, perTurn: 10,
      warmUp, measure: window(300)
    }
  });

  list.push({
    id: 'connect',
    group: 'connect',
    title: 'open and close, 32 at a time',
    peers: PLAIN,
    spec: {
      mode: 'churn', size: 64, connections: 32,
      warmUp, measure: window(400)
    }
  });

  list.push({
    id: 'idle',
    group: 'idle',
    title: `${quick ? 1000 : 5000} idle connections`,
    peers: PLAIN,
    rounds: quick ? 1 : 2,
    freshServer: true,
    spec: { mode: 'idle', connections: quick ? 1000 : 5000 }
  });

  list.push({
    id: 'latency',
    group: 'latency',
    title: '64 B text, 1 connection, 1000 per second',
    peers: PLAIN,
    spec: {
      mode: 'latency', size: 64, connections: 1, interval: 1000,
      warmUp, measure: window(800)
    }
  });

  echo('wss', TLS, 64, 100, 1, false, true);
  echo('wss', TLS, 64, 100, 16, false, true);
  echo('wss', TLS, 16 * KIB, 50, 1, true, true);
  echo('wss', TLS, 128 * KIB, 16, 1, true, true);

  return list;
};

/** Titles and reading notes of the groups, in the order of the report. */
exports.groups = {
  echo: { title: 'Echo' },
  speed: {
    title: 'The rows of ws\'s `bench/speed.js`',
    note: 'One connection, one message in flight, a fixed number of round trips.'
  },
  broadcast: {
    title: 'Broadcast',
    note: 'A message is one delivery. Where a package has no broadcast, a loop of `send`; ' +
      '`net.Socket` writes a frame built once.'
  },
  connect: {
    title: 'Connection set-up',
    note: 'A message is one connection: TCP connect, upgrade, close handshake, FIN. ' +
      '`net.Socket` does no HTTP: connect, one 64 B echo, FIN.'
  },
  idle: { title: 'Memory of an idle connection' },
  latency: {
    title: 'Latency at low load',
    note: 'Sent on a schedule; latency counts from the moment a message was due.'
  },
  wss: { title: 'Echo over TLS (wss)', note: '`net.Socket` is a `tls.TLSSocket` here.' }
};
