/// <reference types="node" />

import type { IncomingMessage, ServerResponse } from 'http';
import type { Http2ServerRequest, Http2ServerResponse, IncomingHttpHeaders, ServerHttp2Stream } from 'http2';
import type { NetConnectOpts } from 'net';
import { Duplex, Readable, Stream, Writable } from 'stream';
import type { ConnectionOptions } from 'tls';

export = WebSocket;

/** Methods for listeners of the server class, `Client` and `EventSource`: of an EventTarget and of an EventEmitter. */
declare class Listenable<Events extends { [name: string]: unknown[] }, DomEvents extends { [name: string]: unknown }> extends Stream {
  /** Same as `on(type, listener)`; the third argument is ignored. */
  addEventListener<K extends keyof DomEvents>(type: K, listener: (event: DomEvents[K]) => void, useCapture?: boolean): void;
  addEventListener(type: string, listener: (...args: any[]) => void, useCapture?: boolean): void;
  /** Same as `removeListener(type, listener)`; the third argument is ignored. */
  removeEventListener(type: string, listener: (...args: any[]) => void, useCapture?: boolean): void;
  /** Calls the `on...` property of the event's type, then its listeners. */
  dispatchEvent(event: { type: string }): void;

  on<K extends keyof Events>(type: K, listener: (...args: Events[K]) => void): this;
  on(type: string | symbol, listener: (...args: any[]) => void): this;
  once<K extends keyof Events>(type: K, listener: (...args: Events[K]) => void): this;
  once(type: string | symbol, listener: (...args: any[]) => void): this;
  addListener<K extends keyof Events>(type: K, listener: (...args: Events[K]) => void): this;
  addListener(type: string | symbol, listener: (...args: any[]) => void): this;
}

/** The members that the server class and `Client` share. */
declare class Socket extends Listenable<WebSocket.Events, WebSocket.DomEvents> {
  /** Server: made from the request's Host and path. Client: the URL that was passed. */
  readonly url: string;
  /** `hybi-13`, `hybi-8`, `hybi-7`, `hixie-76` or `hixie-75`; always `hybi-13` in a client. */
  readonly version: string;
  /** The subprotocol in use once the socket is open, `''` where none was agreed on. */
  readonly protocol: string;
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readyState: number;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
  /** Bytes accepted by `send` that the operating system has not taken yet. */
  readonly bufferedAmount: number;
  readable: boolean;
  writable: boolean;

  onopen: ((this: this, event: WebSocket.Event) => void) | null;
  onmessage: ((this: this, event: WebSocket.MessageEvent) => void) | null;
  onerror: ((this: this, event: WebSocket.ErrorEvent) => void) | null;
  onclose: ((this: this, event: WebSocket.CloseEvent) => void) | null;

  /**
   * Sends one message: a Buffer as binary, anything else as the text `String(message)`; with the option `binaryType`
   * an ArrayBuffer or a view of one as binary, too. Messages sent while connecting are queued.
   *
   * @param callback called once when the operating system has the message, or with an error if it cannot be sent
   * @returns false when the socket is closing or closed (nothing is sent) or congested (wait for 'drain')
   */
  send(message?: unknown, callback?: (error?: Error | null) => void): boolean;
  /** The writable-stream name of `send`. */
  write(message?: unknown): boolean;
  /** Sends the message, if there is one, and closes. Returns nothing; `any` makes this a `NodeJS.WritableStream`. */
  end(message?: unknown): any;
  /** Stops reading; messages of the chunk that is being processed still arrive. */
  pause(): void;
  resume(): void;
  /** Whether the connection is paused by `pause`. */
  readonly isPaused: boolean;
  /**
   * The type of binary messages in 'message' events: `'nodebuffer'`, `'arraybuffer'` or `'blob'`. Only with the option
   * of this name; without it an assignment has no effect, as in faye-websocket.
   */
  binaryType?: WebSocket.BinaryType;
  /**
   * Sends a ping; at most 125 bytes.
   *
   * @param callback runs when the matching pong arrives
   * @returns whether a ping was, or will be, sent
   */
  ping(message?: string | Buffer | null, callback?: () => void): boolean;
  /** Sends an unsolicited pong (pings are answered automatically); at most 125 bytes. */
  pong(message?: string | Buffer | null): boolean;
  /**
   * Begins the closing handshake.
   *
   * @param code 1000 (the default) or 3000 to 4999; any other throws
   * @param reason at most 123 bytes of UTF-8; the rest is cut off
   */
  close(code?: number, reason?: string): void;
  /** Closes the connection at once, in any state: 'close' with 1006; nothing more is sent. */
  terminate(): void;
  /**
   * The messages, for `for await`. While the loop is behind, the socket is paused. The loop ends when the connection is
   * closed, with an exception if an error closed it; leaving the loop closes the connection with 1000.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer>;
  /** Closes with 1000; resolves when the connection is closed. For `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
  /** Counts of messages and bytes since this was first read, for example in an 'open' listener. */
  readonly stats: WebSocket.Stats;
  /** Messages that `maxBackpressure` has refused. */
  readonly droppedMessages: number;

  /**
   * Sends one message in parts: each chunk that is written is a fragment.
   *
   * @param options.binary true when left out
   * @throws while the WebSocket is not open, in drafts 75 and 76, and with extension plug-ins
   */
  stream(options?: { binary?: boolean }): Writable;
  /**
   * Until it closes, the socket receives the messages that `WebSocket.publish` sends to the topic.
   *
   * @returns false when the socket is closing or closed
   */
  subscribe(topic: string): boolean;
  /** Returns whether the socket had subscribed. */
  unsubscribe(topic: string): boolean;
  /** The subscribed topics; empty once the socket is closed. */
  readonly topics: string[];
}

declare class ClientSocket extends Socket {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;

  constructor(url: string, protocols?: string | string[] | null, options?: WebSocket.ClientOptions | null);
  /** Status of the handshake response; undefined before it arrives. */
  readonly statusCode?: number;
  /** Headers of the handshake response by lower-case name, repeated ones joined with `, `. */
  readonly headers?: { [name: string]: string };
  /** Whether the addon has dialled, or Node's own `net` and `tls`. */
  readonly dialled: 'native' | 'node';
  /** Why Node has dialled, in words for people, for example `option tls.ciphers`; null where it has not. */
  readonly dialledBecause: string | null;
}

declare class EventStream extends Listenable<
  { open: [event: WebSocket.Event]; close: [event: WebSocket.Event] },
  { open: WebSocket.Event; close: WebSocket.Event }
> {
  constructor(request: IncomingMessage, response: ServerResponse, options?: WebSocket.EventSourceOptions);
  /** Over HTTP/2, on a response of Node's compatibility API or on the stream of a 'stream' event. */
  constructor(
    request: WebSocket.Http2Request,
    response: Http2ServerResponse | ServerHttp2Stream,
    options?: WebSocket.EventSourceOptions,
  );
  /** Whether the request asks for a stream of server-sent events. */
  static isEventSource(request: IncomingMessage | WebSocket.Http2Request): boolean;

  readonly url: string;
  /** The `Last-Event-ID` header of a client that reconnects, `''` otherwise. */
  readonly lastEventId: string;
  readyState: number;
  writable: boolean;
  onopen: ((this: this, event: WebSocket.Event) => void) | null;
  onclose: ((this: this, event: WebSocket.Event) => void) | null;

  /** Sends one event; returns false when closed or congested. */
  send(message: unknown, options?: { event?: string; id?: string | number }): boolean;
  write(message: unknown): boolean;
  /** Returns nothing; `any` makes this a `NodeJS.WritableStream`. */
  end(message?: unknown): any;
  /** Sends a comment line that keeps the connection alive. */
  ping(): boolean;
  /** Returns false if it was closed already. */
  close(): boolean;
}

type ServerSocket = WebSocket;
type ServerSocketClass = typeof WebSocket;

/**
 * The server side of one connection, made in an http server's 'upgrade' listener, or in the 'stream' or 'connect'
 * listener of an http2 server.
 */
declare class WebSocket extends Socket {
  /**
   * @param body the upgrade head: the bytes that arrived after the request
   * @param protocols subprotocols the server speaks, as a list or separated by commas
   */
  constructor(
    request: IncomingMessage,
    socket: Duplex,
    body?: Buffer | null,
    protocols?: string | string[] | null,
    options?: WebSocket.Options | null,
  );
  /** Over HTTP/2 (RFC 8441). The server needs the setting `enableConnectProtocol`. */
  constructor(
    request: WebSocket.Http2Request,
    stream: ServerHttp2Stream | Http2ServerResponse,
    body?: Buffer | null,
    protocols?: string | string[] | null,
    options?: WebSocket.Options | null,
  );

  /** The request that was upgraded, as it was passed: over HTTP/2 an `Http2Request`. */
  readonly request: IncomingMessage;

  /** Whether the request asks for a WebSocket. */
  static isWebSocket(request: IncomingMessage | WebSocket.Http2Request): boolean;
  /** Throws `Unrecognized option: NAME` for the first key of `options` that is not in `validKeys`. */
  static validateOptions(options: object | null | undefined, validKeys: string[]): void;

  /**
   * Sends one message to many sockets, encoded and framed once. Sockets that are not open, or whose earlier
   * messages still wait for the network (with `maxBackpressure`: too many of them), are skipped.
   */
  static broadcast<T extends Socket>(sockets: Iterable<T>, message: unknown): { sent: number; skipped: T[] };

  /**
   * Closes all servers' connections of this thread.
   *
   * @param code 1001 (the default), 1000, 1011, 1012, 1013 or 3000 to 4999; any other throws
   * @param reason at most 123 bytes of UTF-8; the rest is cut off
   * @param timeout seconds after which those that have not closed are terminated; 30 when left out
   * @returns how many have closed, and how many were terminated, when all of their sockets are closed
   */
  static closeAll(code?: number, reason?: string, timeout?: number): Promise<{ closed: number; terminated: number }>;

  /**
   * Sends one message to all sockets that have subscribed to a topic: in this thread, in the other threads of the process,
   * and with `useTopicAdapter` in other processes.
   *
   * @param message as for `send`
   * @returns for the sockets of this thread: how many took it, and which did not, as they are closing or congested
   */
  static publish(
    topic: string, message: unknown, options?: { except?: ServerSocket | ClientSocket | Iterable<ServerSocket | ClientSocket> },
  ): { sent: number; skipped: Array<ServerSocket | ClientSocket> };

  /**
   * Shares topics with other processes. A process has one adapter, for all of its threads.
   *
   * @returns a function that ends the use of the adapter
   */
  static useTopicAdapter(adapter: WebSocket.TopicAdapter): () => void;

  /** Whether the addon is loaded; false where the same core runs as WebAssembly. */
  static readonly native: boolean;

  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;
}

declare namespace WebSocket {
  /** Transports publications to other processes. */
  interface TopicAdapter {
    /** Sends the bytes to all processes that have subscribed; this process may be among them. */
    publish(topic: string, bytes: Buffer): void;
    /** Calls the function with the bytes that processes publish. */
    subscribe(onMessage: (topic: string, bytes: Uint8Array) => void): void;
    /** Ends these calls. */
    close?(): void;
  }

  const WebSocket: ServerSocketClass;
  type WebSocket = ServerSocket;
  const Client: typeof ClientSocket;
  type Client = ClientSocket;
  const EventSource: typeof EventStream;
  type EventSource = EventStream;

  interface Event {
    type: string;
    bubbles: boolean;
    cancelable: boolean;
    target: any;
    currentTarget: any;
    eventPhase: number;
    initEvent(type: string, canBubble: boolean, cancelable: boolean): void;
    stopPropagation(): void;
    preventDefault(): void;
  }

  interface MessageEvent extends Event {
    /** A string for a text message, a Buffer for a binary one, or the type that the option `binaryType` names. */
    data: string | Buffer;
  }

  interface ErrorEvent extends Event {
    message: string;
  }

  interface CloseEvent extends Event {
    /** null on drafts 75 and 76, which have no close codes. */
    code: number | null;
    reason: string | null;
  }

  interface PingEvent extends Event {
    data: Buffer;
  }

  interface Stats {
    /** The connection is read and written past Node's streams, through a stream of Node, or a stream of HTTP/2. */
    path: 'loop' | 'stream' | 'http2';
    /** Whether permessage-deflate or another extension was agreed on. */
    isCompressed: boolean;
    messagesReceived: number;
    messagesSent: number;
    /** Bytes of these messages, not compressed. */
    bytesReceived: number;
    bytesSent: number;
    /** Bytes of all frames (compressed where they are) and of the handshake; null where the stream has no counts. */
    wireBytesReceived: number | null;
    wireBytesSent: number | null;
    /** Milliseconds between the last ping that was answered and its pong; null before. */
    roundTripTime: number | null;
  }

  /**
   * Messages of the channels of `node:diagnostics_channel`: `faye-websocket:open`, `faye-websocket:close` (with `code` and
   * `reason`), `faye-websocket:error` (with `message`), `faye-websocket:ping` and `faye-websocket:pong` (with `data`).
   */
  interface ChannelMessage {
    websocket: ServerSocket | ClientSocket;
    role: 'server' | 'client';
    code?: number | null;
    reason?: string | null;
    message?: string;
    data?: Buffer;
  }

  type BinaryType = 'nodebuffer' | 'arraybuffer' | 'blob';

  interface DomEvents {
    [name: string]: unknown;
    open: Event;
    message: MessageEvent;
    error: ErrorEvent;
    close: CloseEvent;
    ping: PingEvent;
    pong: PingEvent;
  }

  interface Events {
    [name: string]: unknown[];
    open: [event: Event];
    message: [event: MessageEvent];
    error: [event: ErrorEvent];
    close: [event: CloseEvent];
    ping: [event: PingEvent];
    pong: [event: PingEvent];
    data: [message: string | Buffer];
    end: [];
    drain: [];
    stream: [stream: Readable, about: { binary: boolean }];
  }

  /** A request over HTTP/2: that of Node's compatibility API, or `{ headers }` of a 'stream' event. */
  type Http2Request = Http2ServerRequest | { headers: IncomingHttpHeaders };

  /** Options of both sides. */
  interface CommonOptions {
    /** Extra headers of the handshake. */
    headers?: { [name: string]: unknown };
    /**
     * Plug-ins with the interface of `websocket-extensions`. The npm package `permessage-deflate`, configured or not,
     * is recognised and its work done natively.
     */
    extensions?: Extension | Extension[] | null;
    /** permessage-deflate, built in: true for its defaults; off when left out. */
    deflate?: boolean | DeflateOptions | null;
    /** With false, the npm package `permessage-deflate` in `extensions` compresses messages itself. */
    nativeDeflate?: boolean;
    /**
     * `send` takes an ArrayBuffer and its views as binary, and binary messages in 'message' events are of this type;
     * 'data' events have Buffers. Left out: both as in faye-websocket.
     */
    binaryType?: BinaryType | null;
    /** Most bytes of one incoming message; 67108863 when left out or 0. */
    maxLength?: number;
    /** Seconds between automatic pings; none when left out. */
    ping?: number;
    /**
     * Seconds within which an automatic ping has to be answered, else 'error' and 'close' 1006; 0, or left out, for
     * none. Requires `ping`.
     */
    pongTimeout?: number | null;
    /** Seconds without a byte from the peer, or up to a quarter more, until 'error' and 'close' 1006; 0, or left out, for none. */
    idleTimeout?: number | null;
    /** Seconds that `close()` waits for the peer, then 'close' 1006; more than 0, 30 when left out. */
    closeTimeout?: number | null;
    /** Seconds after 'open' at which the connection is closed with 1001; 0, or left out, for none. */
    maxLifetime?: number | null;
    /** Bytes: while more wait for the peer, messages are refused as `onBackpressure` says; no limit when left out. */
    maxBackpressure?: number | null;
    /**
     * `'close'` (when left out): 'error' and 'close' 1013. `'drop'`: the message is skipped, `send` returns false and
     * `droppedMessages` counts it. Requires `maxBackpressure`.
     */
    onBackpressure?: 'close' | 'drop' | null;
    /** Most frames of one message, else 'error' and 'close' 1008; 131072 when left out. */
    maxFragments?: number | null;
    /** Most messages a second, and at once, else 'error' and 'close' 1008; no limit when left out. */
    maxMessageRate?: number | null;
    /** Most pings and unsolicited pongs a second and at once, else 'error' and 'close' 1008; no limit when left out. */
    maxPingRate?: number | null;
    /** Messages of more bytes are emitted as 'stream' while they arrive. */
    streamAbove?: number | null;
  }

  /** permessage-deflate (RFC 7692). Names and meanings are those of the npm package, plus `threshold`. */
  interface DeflateOptions {
    /** zlib's compression level, -1 (zlib's default, the default here) to 9. */
    level?: number;
    /** zlib's `memLevel`, 1 to 9; 8 when left out. */
    memLevel?: number;
    /** zlib's strategy, 0 (the default) to 4. */
    strategy?: number;
    /** Messages of fewer bytes are sent uncompressed; 0 when left out, 1024 where this side keeps no context. */
    threshold?: number;
    /** true: each of our messages is compressed without reference to those before it. */
    noContextTakeover?: boolean;
    /** Our messages refer at most 2^n bytes back, 8 to 15. */
    maxWindowBits?: number;
    /** true requests the same of the peer. */
    requestNoContextTakeover?: boolean;
    /** Requests that the peer refer at most 2^n bytes back, 8 to 15. */
    requestMaxWindowBits?: number;
  }

  /** Options of the server. */
  interface Options extends CommonOptions {
    /** false refuses drafts 75 and 76 and versions 7 and 8; true when left out. */
    allowDrafts?: boolean;
    /** false reads and writes the socket through Node's streams only; true when left out. */
    kernelSocket?: boolean;
    /** Accepted for symmetry with the client and ignored. */
    proxy?: unknown;
    tls?: unknown;
    ca?: unknown;
  }

  interface ClientOptions extends CommonOptions {
    proxy?: ProxyOptions | null;
    /** Options of `tls.connect`, for `wss:` URLs. */
    tls?: ConnectionOptions | null;
    /** Certificate authorities, used when `tls.ca` is not given. */
    ca?: ConnectionOptions['ca'];
    /** Options of `net.connect`, for `wss:` URLs too; host and port come from the URL. */
    net?: Partial<NetConnectOpts> | null;
    /** Seconds until an unanswered handshake fails; 30 when left out, 0 for none. */
    handshakeTimeout?: number;
    /** true fails the handshake when protocols were offered and the server chose none. */
    requireProtocol?: boolean;
    /** false dials, reads and writes through Node's `net` and `tls`; true when left out. */
    kernelSocket?: boolean;
    /** Aborts the attempt to connect; has no effect once the socket is open. */
    signal?: AbortSignal | null;
  }

  interface ProxyOptions {
    /** URL of the HTTP or HTTPS proxy, credentials included; no proxy when left out. */
    origin?: string;
    headers?: { [name: string]: unknown };
    /** TLS options of the connection to the proxy. */
    tls?: ConnectionOptions;
  }

  interface EventSourceOptions {
    headers?: { [name: string]: unknown };
    /** Seconds between keep-alive comments; 10 when left out or 0. */
    ping?: number;
    /** Seconds the client waits before it reconnects; 5 when left out or 0. */
    retry?: number;
  }

  /** An extension plug-in, as `websocket-extensions` defines it. */
  interface Extension {
    name: string;
    type: 'permessage' | string;
    rsv1: boolean;
    rsv2: boolean;
    rsv3: boolean;
    createClientSession(options?: { maxLength: number }): any;
    createServerSession(offers: object[], options?: { maxLength: number }): any;
  }
}
