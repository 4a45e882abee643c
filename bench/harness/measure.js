'use strict';

const loadgen = require('./loadgen');

const ACCEPT_LIMIT_MS = 10000;

/**
 * One round of one workload against one running server. The server's clock is read when the
 * generator is about to start and when its last answer is in, so nothing else is charged.
 */
exports.measure = async (workload, peer, server, core) => {
  const spec = { ...workload.spec, port: server.port, protocol: peer.protocol || 'websocket' };
  for (const key of Object.keys(spec)) {
    if (spec[key] === undefined || spec[key] === null) delete spec[key];
  }
  if (spec.mode === 'idle') return idle(spec, server, core);

  let before;
  const result = await loadgen.run(spec, core, async () => {
    before = await server.sample();
  });
  const after = await server.sample();
  const { messages, elapsedNs, generatorCpuNs, latencyNs } = result;
  const mainNs = after.mainThreadNs === null ? null : after.mainThreadNs - before.mainThreadNs;
  return {
    cpuUs: (after.cpuUs - before.cpuUs) / messages,
    mainUs: mainNs === null ? null : mainNs / 1000 / messages,
    perSecond: messages / (elapsedNs / 1e9),
    p50Us: latencyNs && latencyNs.p50 / 1000,
    p99Us: latencyNs && latencyNs.p99 / 1000,
    generatorBusy: generatorCpuNs / elapsedNs,
    rss: after.rss,
    messages
  };
};

/** Without a handshake, the generator may be ahead of the server's accept. */
const accepted = async (server, connections) => {
  const deadline = Date.now() + ACCEPT_LIMIT_MS;
  for (;;) {
    const { connections: open } = await server.sample();
    if (open === connections) return;
    if (Date.now() > deadline) throw new Error(`${open} of ${connections} connections are open`);
  }
};

const idle = async (spec, server, core) => {
  const before = await server.sample({ collect: true });
  let after;
  await loadgen.run(spec, core, async () => {
    await accepted(server, spec.connections);
    after = await server.sample({ collect: true });
  });
  return {
    rssBytes: (after.rss - before.rss) / spec.connections,
    heapBytes: (after.heap - before.heap) / spec.connections
  };
};
