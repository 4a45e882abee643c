'use strict';

// Names, addresses, permissions; functions that somebody has replaced; what listeners find around them.

const matrix = require('../support/matrix');

const CA = "{ tls: { ca: pem('ca') } }";
const plain = { server: 'plain', opens: true };

matrix('names and addresses', [
  { ...plain, name: 'a plain connection', dialled: 'native' },
  { ...plain, name: 'dns.setDefaultResultOrder', after: "require('dns').setDefaultResultOrder('ipv4first')", dialled: 'node' },
  { ...plain, name: '--dns-result-order', flags: ['--dns-result-order=ipv4first'], dialled: 'node' },
  { ...plain, name: '--dns-result-order of a worker', worker: { execArgv: ['--dns-result-order=ipv4first'] }, dialled: 'node' },
  { ...plain, name: 'net.setDefaultAutoSelectFamily(false)', after: "require('net').setDefaultAutoSelectFamily(false)", dialled: 'node' },
  { ...plain, name: '--no-network-family-autoselection', flags: ['--no-network-family-autoselection'], dialled: 'node' },
  { ...plain, name: '--enable-network-family-autoselection', flags: ['--enable-network-family-autoselection'], dialled: 'native' },
  { ...plain, name: 'net.setDefaultAutoSelectFamilyAttemptTimeout', after: "require('net').setDefaultAutoSelectFamilyAttemptTimeout(20)", dialled: 'node' },
  { ...plain, name: '--network-family-autoselection-attempt-timeout', since: 22, flags: ['--network-family-autoselection-attempt-timeout=20'], dialled: 'node' },
  { ...plain, name: 'dns.setServers', after: "require('dns').setServers(['192.0.2.1'])", dialled: 'native' },
  { name: 'a name that is none', program: "return new Client('ws://no.such.name.invalid/', [], options);", opens: false, dialled: 'native' },
  { name: 'nobody listens', program: "return new Client('ws://127.0.0.1:1/', [], options);", opens: false, says: /ECONNREFUSED/, dialled: 'native' },
  { name: 'TLS asked of somebody else', server: 'no TLS', options: CA, opens: false, says: /wrong version number|packet length too long/, dialled: 'native' },
]);

matrix('permissions', [
  { name: '--permission without --allow-net', since: 26, server: 'plain', flags: ['--permission', '--allow-addons', '--allow-fs-read=*'], opens: false, dialled: undefined },
  { name: '--permission without --allow-net, TLS', since: 26, options: CA, flags: ['--permission', '--allow-addons', '--allow-fs-read=*'], opens: false },
  { ...plain, name: '--permission --allow-net', since: 26, flags: ['--permission', '--allow-addons', '--allow-fs-read=*', '--allow-net'], dialled: 'node' },
]);

/** Stands before a function, notes that it was called and calls it. */
const wrap = (owner, name) => `
  const owner = require('${owner.split('.')[0]}')${owner.replace(/^\w+/, '')};
  const original = owner.${name};
  owner.${name} = function (...args) {
    if (!seen.includes('${name}')) seen.push('${name}');
    return new.target ? Reflect.construct(original, args) : original.apply(this, args);
  };
  Object.assign(owner.${name}, original);
  owner.${name}.prototype = original.prototype;`;

const FUNCTIONS = [
  ['net', 'connect', 'plain'], ['net', 'createConnection', 'plain'], ['net', 'Socket', 'plain'],
  ['net.Socket.prototype', 'connect', 'plain'], ['dns', 'lookup', 'plain'], ['dns', 'lookup', 'good'],
  ['net.Socket.prototype', 'connect', 'good'], ['tls', 'connect', 'good'], ['tls', 'TLSSocket', 'good'],
  ['tls', 'createSecureContext', 'good'], ['tls', 'checkServerIdentity', 'good'],
];

matrix('functions', FUNCTIONS.flatMap(([owner, name, server]) => ['before', 'after'].map((when) => ({
  name: `${owner}.${name}, replaced ${when} the package is loaded: ${server === 'plain' ? 'ws' : 'wss'}`,
  server, options: server === 'plain' ? undefined : CA, [when]: wrap(owner, name), opens: true, dialled: 'node',
}))).concat([
  {
    name: 'a guard that refuses addresses', server: 'plain', opens: false, says: /refused by the guard/, dialled: 'node',
    after: `const dns = require('dns'), { lookup } = dns;
      dns.lookup = (name, options, callback) => lookup(name, options, (error) => callback(error || new Error('refused by the guard')));`,
  },
  {
    name: 'tls.checkServerIdentity gets the issuer', options: CA, opens: true, dialled: 'node',
    after: `const tls = require('tls'), { checkServerIdentity } = tls;
      tls.checkServerIdentity = (name, certificate) => {
        seen.push(certificate.issuerCertificate.subject.CN);
        return checkServerIdentity(name, certificate);
      };`,
  },
  {
    name: 'the channel net.client.socket', server: 'plain', opens: true, dialled: 'node',
    after: "require('diagnostics_channel').subscribe('net.client.socket', ({ socket }) => seen.push(typeof socket.connect));",
  },
]));

matrix('listeners', ['{}', '{ kernelSocket: false }'].flatMap((options) => [
  {
    name: `AsyncLocalStorage: ${options}`, server: 'plain', options, opens: true, original: 'has no option kernelSocket',
    program: `
      const store = new (require('async_hooks').AsyncLocalStorage)();
      return store.run('creator', () => {
        const ws = new Client(url, [], options);
        for (const type of ['open', 'message', 'end', 'close']) ws.prependListener(type, () => seen.push(store.getStore()));
        ws.on('open', () => store.run('sender', () => ws.send('x')));
        ws.on('message', () => ws.ping('y', () => { seen.push(store.getStore()); store.run('closer', () => ws.close()); }));
        return ws;
      });`,
  },
  {
    name: `AsyncLocalStorage, a failure: ${options}`, options, opens: false, original: 'has no option kernelSocket',
    program: `
      const store = new (require('async_hooks').AsyncLocalStorage)();
      return store.run('creator', () => {
        const ws = new Client('ws://127.0.0.1:1/', [], options);
        for (const type of ['error', 'close']) ws.prependListener(type, () => seen.push(store.getStore()));
        return ws;
      });`,
  },
  {
    // With the original it vanishes from Node.js 24 on, and the connection with it.
    name: `what a listener throws: ${options}`, server: 'plain', options, opens: true, original: 'loses it',
    program: `
      process.on('uncaughtException', (error) => { seen.push(error.message); ws.send('again'); });
      const ws = new Client(url, [], options);
      ws.on('open', () => ws.send('x'));
      ws.on('message', ({ data }) => { seen.push(data); if (data === 'x') throw new Error('thrown'); ws.close(); });
      return ws;`,
  },
]));
