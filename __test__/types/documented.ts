// Compiled by `npm run test:types` in each module mode, never run: what the README shows has to type-check.

import * as http from 'http';
import { Readable, PassThrough } from 'stream';
import WebSocket, { broadcast, closeAll, Client, EventSource, isWebSocket, OPEN } from 'faye-websocket-rs';
import { CLOSED } from 'faye-websocket-rs';

const server = http.createServer((request, response) => {
  if (!EventSource.isEventSource(request)) return;
  const stream: EventSource = new EventSource(request, response, { ping: 15, retry: 10 });
  stream.send('news', { event: 'update', id: 1 });
  Readable.from(['a', 'b']).pipe(stream);
});

const sockets = new Set<WebSocket>();

server.on('upgrade', (request, socket, head) => {
  if (!isWebSocket(request)) return;
  const ws = new WebSocket(request, socket, head, ['chat'], { deflate: true, ping: 15 });
  sockets.add(ws);
  const agent: string | undefined = ws.request.headers['user-agent'];
  const isOpen: boolean = ws.readyState === ws.OPEN || ws.readyState === OPEN || ws.readyState === WebSocket.OPEN;
  ws.on('message', (event) => ws.send(event.data));
  ws.onclose = ({ code, reason }) => [code, reason, agent, isOpen];
  // Echo, as streams have it.
  ws.pipe(ws);
  Readable.from([Buffer.from('bytes')], { objectMode: true }).pipe(ws);
  ws.pipe(new PassThrough()).on('data', (chunk: Buffer) => chunk.length);
  const { sent, skipped } = broadcast(sockets, 'to all');
  for (const left of skipped) left.terminate();
  return sent;
});

function greet(client: Client, sockets: Set<WebSocket>): string[] {
  client.on('message', ({ data }) => console.log(typeof data === 'string' ? data : data.length));
  const { skipped } = broadcast(sockets, 'hello');
  return skipped.map((ws) => ws.url);
}

const client: Client = new Client('wss://example.com/', ['chat'], { proxy: { origin: 'http://localhost:8080' }, signal: AbortSignal.timeout(1000) });
client.on('open', () => client.send('Hello'));
client.on('close', (event) => client.readyState === Client.CLOSED && event.code);
process.stdin.pipe(client);
greet(client, sockets);
const open: 1 = Client.OPEN;
const closed: 3 = CLOSED;
closeAll(1001).then(({ terminated }: { closed: number; terminated: number }) => [terminated, open, closed]);

// @ts-expect-error: no such option
new Client('ws://localhost/', [], { timeout: 3 });
// @ts-expect-error: a constant
Client.OPEN = 2;
// @ts-expect-error: events of an EventSource are not messages
new EventSource({} as http.IncomingMessage, {} as http.ServerResponse).onmessage;
