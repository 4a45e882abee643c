// Compiled by `npm test`, never run: what TypeScript users write must type-check, mistakes must not.

import { RedisAdapter } from '../redis';
import * as http from 'http';
import * as http2 from 'http2';
import WebSocket from 'faye-websocket-rs';
import { Client, EventSource, isWebSocket } from 'faye-websocket-rs';
import required = require('faye-websocket-rs');

const server = http.createServer((request, response) => {
  if (!EventSource.isEventSource(request)) return;
  const stream = new WebSocket.EventSource(request, response, { ping: 15, retry: 10, headers: { 'X-A': 'b' } });
  const id: string = stream.lastEventId;
  const sent: boolean = stream.send('news', { event: 'update', id: id || 1 });
  stream.on('close', (event) => event.type.length);
  if (!sent) stream.close();
});

server.on('upgrade', (request, socket, head) => {
  if (!WebSocket.isWebSocket(request) || !isWebSocket(request)) return;
  const ws = new WebSocket(request, socket, head, ['irc', 'amqp'], { ping: 15, maxLength: 1024, allowDrafts: false });
  ws.onopen = (event) => event.target;
  ws.onmessage = ({ data }) => {
    const written: boolean = typeof data === 'string' ? ws.send(data.toUpperCase()) : ws.write(data.subarray(1));
    return written;
  };
  ws.on('message', (event) => ws.send(event.data));
  ws.once('close', (event) => {
    const code: number | null = event.code;
    const reason: string | null = event.reason;
    return [code, reason];
  });
  ws.addEventListener('error', (event) => event.message.trim());
  ws.on('data', (message) => message.length);
  ws.ping(null, () => ws.close(3001, 'done'));
  ws.onmessage = null;
  ws.pipe(process.stdout);
  const nullable = new WebSocket(request, socket, null, null, null);
  const state: number = nullable.readyState;
  const open: boolean = state === required.OPEN && WebSocket.native;
  return open;
});

const secure = http2.createSecureServer({ allowHTTP1: true, settings: { enableConnectProtocol: true } });
secure.on('stream', (stream, headers) => {
  if (!WebSocket.isWebSocket({ headers })) return;
  new WebSocket({ headers }, stream, null, ['irc'], { ping: 15 }).on('message', ({ data }) => data.length);
});
secure.on('connect', (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => {
  if (isWebSocket(request)) new WebSocket(request, response);
});
secure.on('request', (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => {
  if (EventSource.isEventSource(request)) new EventSource(request, response, { ping: 15 }).send('news');
});
async function talk(socket: WebSocket): Promise<void> {
  const sent: boolean = socket.send('x', (error) => error?.message);
  socket.on('ping', ({ data }) => data.length).on('pong', ({ data }) => data.length);
  if (!sent || !socket.pong('here')) socket.binaryType = 'arraybuffer';
  for await (const message of socket) if (typeof message === 'string') break;
  const paused: boolean = socket.isPaused;
  if (!paused) await socket[Symbol.asyncDispose]();
}
talk(new WebSocket({} as http.IncomingMessage, {} as import('net').Socket, null, [], { binaryType: 'blob' }));
const { messagesSent, roundTripTime, path, wireBytesSent }: WebSocket.Stats = ({} as Client).stats;
const told = ({ role, websocket }: WebSocket.ChannelMessage): string => (role === 'client' ? String(websocket.url) : path);
told({ websocket: {} as Client, role: 'client', code: messagesSent + (roundTripTime ?? 0) + (wireBytesSent ?? 0) });
// @ts-expect-error no such type
new Client('ws://localhost/', [], { binaryType: 'fragments' });

// @ts-expect-error a request over HTTP/2 is answered on its stream
new WebSocket({ headers: {} }, {} as import('net').Socket);

const guarded = { ping: 30, pongTimeout: 10, idleTimeout: 90, closeTimeout: 5, maxLifetime: 3600 };
const bounded = { maxBackpressure: 1 << 20, onBackpressure: 'drop' as const, maxFragments: 100, maxMessageRate: 50, maxPingRate: 1, streamAbove: 1 << 20 };
const dropped: number = new Client('ws://localhost/', [], { ...guarded, ...bounded }).droppedMessages;
new WebSocket({} as http.IncomingMessage, {} as import('net').Socket, null, [], { ...guarded, ...bounded }).terminate();
WebSocket.closeAll(1001, 'bye', 5).then(({ closed, terminated }) => closed + terminated + dropped);
WebSocket.closeAll();
WebSocket.publish('news', 'hello', { except: new Client('ws://localhost/') }).skipped.length.toFixed();
const subscribed: string[] = new Client('ws://localhost/').topics;
const stopAdapter: () => void = WebSocket.useTopicAdapter({ publish: (topic, bytes) => topic + bytes.length, subscribe() {} });
WebSocket.useTopicAdapter(new RedisAdapter({
  publisher: {} as import('redis').RedisClientType, subscriber: {} as import('ioredis').Redis, prefix: 'chat:',
}).on('disconnect', () => [subscribed, stopAdapter]));

const client: Client = new WebSocket.Client('wss://example.com/', ['mqtt'], {
  proxy: { origin: 'http://user:secret@localhost:8080', headers: { 'User-Agent': 'x' }, tls: { rejectUnauthorized: true } },
  tls: { ca: 'PEM', servername: 'example.com' },
  net: { localAddress: '127.0.0.1' },
  headers: { Origin: 'https://example.com' },
  handshakeTimeout: 5,
  requireProtocol: true,
  signal: AbortSignal.timeout(1000),
  kernelSocket: false,
  deflate: { level: 1, noContextTakeover: true, threshold: 100 },
  nativeDeflate: false,
});
const status: number | undefined = client.statusCode;
const dialled: 'native' | 'node' = client.dialled;
const because: string | null = client.dialledBecause;
const cookies: string | undefined = client.headers?.['set-cookie'];
new Client('ws://localhost/');
new required.Client('ws://localhost/', 'a, b');
process.stdin.pipe(client as unknown as NodeJS.WritableStream);

const either: WebSocket | Client = client;
const event: WebSocket.CloseEvent['code'] = status ?? null;
either.send(`${cookies} ${event}`);

// @ts-expect-error the url is missing
new Client();
// @ts-expect-error options are checked
new Client('ws://localhost/', [], { verify: false });
// @ts-expect-error what becomes of messages that are too many
new Client('ws://localhost/', [], { maxBackpressure: 1, onBackpressure: 'wait' });
// @ts-expect-error seconds are a number
new Client('ws://localhost/', [], { idleTimeout: '5s' });
// @ts-expect-error so are those of compression
new Client('ws://localhost/', [], { deflate: { levle: 1 } });
// @ts-expect-error a close code is a number
client.close('1000');
// @ts-expect-error servers dial nobody, so they take no handshake timeout
new WebSocket({} as http.IncomingMessage, {} as import('net').Socket, null, [], { handshakeTimeout: 1 });
// @ts-expect-error there is no such event field
client.onclose = ({ wasClean }) => wasClean;
