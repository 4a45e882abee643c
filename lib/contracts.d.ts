/**
 * Types that several files of lib/ share. Nothing of this file is loaded or published: `npm run lint` has TypeScript
 * check lib/ against it (see tsconfig.json). What the addon exports is declared in native.d.ts, and what users of the
 * package see in ../index.d.ts.
 */
import type { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';
import type { NetConnectOpts, Socket } from 'node:net';
import type { Duplex, Stream } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';

import type Public = require('../index');
import type Driver = require('./driver/driver');

// ---- streams

declare global {
  /** Methods that every Buffer has and Node does not document: what `toString` and `write` come down to. */
  interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
    latin1Slice(start: number, end: number): string;
    utf8Slice(start: number, end: number): string;
    /** Returns the number of bytes that were written. */
    latin1Write(text: string, at: number): number;
    utf8Write(text: string, at: number): number;
  }
}

/** A stream as of Node.js 0.8, which has no state but these flags. */
export interface LegacyStream extends Stream {
  readable: boolean;
  writable: boolean;
  /** Whether the application has paused the messages. */
  _paused: boolean;
  /** Bytes that were written to it; counted only where the socket does not count them. */
  bytesRead?: number;
  /** Node's `pipe` waits for 'drain' when this is true. */
  writableNeedDrain?: boolean;
}

/** The handle of a `net.Socket`: an object of Node's C++, not documented. */
export interface StreamHandle {
  /** The descriptor; below 0 where there is none. */
  fd: number;
  /** Whether Node takes it that the handle is being read. */
  reading: boolean;
  /** Returns 0, or an error number of libuv's. */
  readStart(): number;
  /** Returns 0, or an error number of libuv's. */
  readStop(): number;
  hasRef?(): boolean;
  [name: string | symbol]: any;
}

/**
 * The byte stream under a WebSocket: a `net.Socket`, `tls.TLSSocket` or DialledSocket; on a server any Duplex that the
 * application has passed. What not every Duplex has is optional here, and is looked for before it is used.
 */
export interface ByteStream extends Duplex {
  setTimeout(milliseconds: number): unknown;
  setNoDelay(noDelay: boolean): unknown;
  setKeepAlive?(enable: boolean, initialDelay?: number): unknown;
  /** Bytes received since the connection began. */
  bytesRead?: number;
  connecting?: boolean;
  /** Whether the stream is TLS. */
  encrypted?: boolean;
  getPeerCertificate?: unknown;
  /** Milliseconds without traffic until 'timeout'; 0 for none. */
  timeout?: number;
  /** Of Node, not documented. */
  _handle?: StreamHandle | null;
  _readableState?: { pipes: unknown[] };
  _writeGeneric?: unknown;
  _unrefTimer?(): void;
}

/** What the addon reports to for a connection that it reads: an entry of `connections` in ./driver/dirty_list. */
export interface Served {
  /** `length` and `count` are those of `dispatch`, see native.d.ts. */
  receive(length: number, count: number): unknown;
  /** Has the stream write what the kernel did not take of output on the dirty list; only of what puts itself there. */
  handOver?(): void;
}

/**
 * Reads and writes a connection past its stream: `driver._direct` while it does, `driver._aside` while it has let the
 * stream read for a time. Only the driver, its parts and streams, and the addon's dispatch call it.
 */
export type DirectSocket<S extends ByteStream = ByteStream> = import('./socket/direct')<S>;

/** The functions of a DirectSocket that depend on the kind of its stream: see ./socket/takeover.js. */
export interface Side<S extends ByteStream> {
  /** Whether nobody can see a difference if the driver's socket is read past its stream. */
  isFree(driver: Driver, socket: S): boolean;
  /** Stops the stream reading; false where it goes on. */
  stopStream(direct: DirectSocket<S>): boolean;
  /** Has the stream read again. */
  startStream(direct: DirectSocket<S>): void;
  /** Ends reading past the stream, for good. */
  letGo(direct: DirectSocket<S>): void;
  /** Takes a report that is of neither bytes, output nor memory: see `servedAttach` in native.d.ts. */
  receive(direct: DirectSocket<S>, length: number, count: number): void;
  /** Events of the stream, beside 'pause' and 'resume', by which other code shows that it uses it. */
  readonly watched: readonly string[];
}

/** A request over HTTP/2: of Node's compatibility API, or what a server's 'stream' event says of it. */
export interface Http2Request {
  headers: IncomingHttpHeaders;
}

// ---- drivers

/** `_driver` of a WebSocket: one of the classes in ./driver. */
export type AnyDriver = Driver;

/** What the versions of the protocol differ in: the methods of a driver that ./driver/hybi.js and ./driver/hixie.js define. */
export interface ProtocolVersion {
  /** Registers a plug-in for the handshake; false when it cannot be used. Throws a TypeError for what is none. */
  addExtension(extension: Extension): boolean;
  /**
   * Sends one frame, or queues it until the connection is open; false when it is closed. `data` is text, bytes, or a
   * number that is sent as text; `type` is by default that of the data; `code` is that of a close frame.
   */
  frame(data: any, type?: FrameType, code?: number): boolean;
  text(message: any): boolean;
  binary(message: any): boolean;
  /**
   * Sends a ping of at most 125 bytes (RFC 6455 section 5.5); false when nothing was sent. `callback` runs when a pong
   * with these bytes comes.
   */
  ping(message?: any, callback?: () => void): boolean;
  /** Sends a pong that nobody has asked for (RFC 6455 section 5.5.3). */
  pong(message?: any): boolean;
  /** Begins the closing handshake, with 1000 when `code` is left out; false when it has begun before. */
  close(reason?: string | null, code?: number): boolean;

  /** Answers the peer's close frame, or its fault (`failed`), and closes. */
  _shutdown(code: number | undefined, reason: string | undefined, failed: boolean): void;
  /** Fails an open connection for something found outside the native session; `type` is a close code, or its name. */
  _fail(type: string | number, message: string): void;
  /** Ends a connection whose handshake has failed. */
  _failHandshake(message: string): void;
  /** A server's value of Sec-WebSocket-Extensions. May throw: a refusal. */
  _answerExtensions(): string | null;
  _receivePing(payload: Buffer): void;
  _receivePong(payload: Buffer): void;
  /** Takes a message that plug-ins have to decode; of the reserved bits in `rsv`, RSV1 is 4, RSV2 is 2, RSV3 is 1. */
  _deliverEncoded(opcode: number, rsv: number, payload: Buffer): void;
  /** Takes more of a message that is handed on while it arrives. */
  _deliverPart(opcode: number, isFirst: boolean, isLast: boolean, payload: Buffer): void;
  /** Bytes of a frame beside `length` of its payload. */
  _overhead(length: number): number;
  /** Whether the native session frames a message as it is, so that it may reach it past `text` and `binary`. */
  readonly _sharesFrames: boolean;
  /** Whether a message to many, of so many bytes, may reach it that way now. */
  _joinsBroadcast(length: number): boolean;
  /** A stream for a message that is sent in fragments. Absent in drafts 75 and 76, and so are the members below. */
  createWriter?(isBinary: boolean): import('node:stream').Writable;
  /** The queue of messages that wait for compression, where that was agreed on. */
  readonly _compression?: object | null;
  /** Plug-ins. */
  readonly _extensions?: { readonly active: boolean } | null;
}

/** Our half of the opening handshake: `_handshake` of a driver, which calls it. Extends ./driver/handshake.js. */
export interface Handshake {
  readonly options: DriverOptions;
  setHeader(name: string, value: unknown): void;
  /** Keeps a frame until the connection is open; its parameters are those of `frame`. */
  queue(data: any, type?: FrameType, code?: number): void;
  sendQueued(): void;
  /** Forgets what is queued. */
  discard(): void;
  /** Sends our half; false when that was done before, or cannot be. `body` came with a server's request. */
  start(body?: Uint8Array, onAccept?: (driver: Driver) => void): boolean;
  /** Input has found the end of the peer's half. */
  complete(): void;
  /** Takes a chunk that comes too early for anything to be delivered from it; false when it is not. */
  keeps(chunk: any): boolean;
  /** Whether there are such chunks. */
  readonly holdsInput: boolean;
}

/** Options of the classes in ./driver. */
export interface DriverOptions {
  /** Subprotocols: a list, or text with commas. */
  protocols?: string | string[] | null;
  /** Most bytes of one message of the peer; 67108863 when left out. */
  maxLength?: number;
  /** Server: false refuses drafts 75 and 76 and versions 7 and 8. */
  allowDrafts?: boolean;
  /** False leaves the npm package `permessage-deflate` to do its own work. */
  nativeDeflate?: boolean;
  /** Server: whether frames that are not masked are an error; true when left out. */
  requireMasking?: boolean;
  /** Whether our frames are masked. */
  masking?: boolean;
  /** Client: whether a server that chose none of `protocols` fails the handshake. */
  requireProtocol?: boolean;
  /** Client: whether masked frames are an error. */
  forbidMasking?: boolean;
}

/** Whom a driver tells first of everything: a WebSocket. Only the driver calls these methods. */
export interface Owner extends EventEmitter {
  readonly bufferedAmount: number;
  _stream: ByteStream;
  _liveness: { takePong(payload: Buffer): void } | null;
  _open(): void;
  _receiveMessage(data: string | Buffer): void;
  /** False where nobody takes it. */
  _receiveStream(stream: import('node:stream').Readable, isBinary: boolean): boolean;
  _leave(code: number, reason: string): void;
  _emitError(message: string): void;
  /** Drafts 75 and 76 have no codes and reasons. */
  _beginClose(reason: string | null | undefined, code: number | null | undefined): void;
  _finalizeClose(): void;
  /** Tells of a ping or pong. */
  _announce(type: 'ping' | 'pong', payload: Buffer): void;
  /** As of `WebSocket` in ../index.d.ts. */
  stream(options?: { binary?: boolean }): import('node:stream').Writable;
}

/** Type of a frame, for `frame` of a driver. */
export type FrameType = 'text' | 'binary' | 'close' | 'ping' | 'pong' | 'continuation';

// ---- WebSockets

/** Options of servers and clients that concern the handshake. */
export type HandshakeOptions = Pick<Public.Options, 'headers' | 'extensions' | 'deflate' | 'nativeDeflate'>;

/** The callbacks of `send` that are still to be called; see ./faye/websocket/deliveries.js. */
export interface Deliveries {
  add(callback: (error?: Error | null) => void): void;
  begin(): void;
  end(): void;
  fail(): void;
}

/** Fields and methods of a WebSocket, server's or client's, that are not in ../index.d.ts. */
export interface WebSocketFields extends Owner {
  _driver: AnyDriver;
  _ping: number | undefined;
  /** Number of the last automatic ping. */
  _pingId: number;
  _liveness: import('./liveness').Liveness | null;
  /** What it has subscribed to; null for nothing. */
  _topics: Set<string> | null;
  /** Milliseconds that `close` waits for the peer. */
  _closeTimeout: number | undefined;
  _closeTimer?: NodeJS.Timeout;
  _closeParams?: [reason: string, code: number];
  readable: boolean;
  writable: boolean;
  readyState: number;
  /** Of a client, what the application has passed. */
  url: string | URL;
  version: string;
  protocol: string;
  readonly droppedMessages: number;
  _binaryType: string | undefined;
  _role: 'server' | 'client';
  readonly isPaused: boolean;
  _deliveries: Deliveries | null;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  dispatchEvent(event: object): void;
  send(data?: unknown): boolean;
  ping(message?: unknown, callback?: () => void): boolean;
  pong(message?: unknown): boolean;
  pause(): void;
  resume(): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
  /** Throws for options that are of another type or out of range. */
  _configureDriver(options: HandshakeOptions): void;
  _configureStream(): void;
  _finalizeClose(): void;
  _leave(code: number, reason: string): void;
  _fail(message: string): void;
  _failStream(text: string): void;
}

/** The same of a client. */
export interface ClientFields extends WebSocketFields {
  _driver: import('./driver/client');
  headers?: { [name: string]: string };
  statusCode?: number;
  _net: Partial<NetConnectOpts> & { noDelay?: boolean };
  /** Called once when the attempt to connect is over. */
  _onSettled: (() => void)[];
  _settle(): void;
  _onConnect(): void;
  _proxy?: import('./driver/proxy');
  _configureProxy(proxy: Public.ProxyOptions, originTLS: ConnectionOptions | undefined): void;
  /** Why Node has dialled; null where the connection was dialled natively. */
  _dialledBecause: string | null;
}

/** Fields and methods of an EventSource that are not in ../index.d.ts. */
export interface EventSourceFields extends EventEmitter {
  DEFAULT_PING: number;
  DEFAULT_RETRY: number;
  _stream: any;
  /** Seconds. */
  _ping: number;
  /** Seconds. */
  _retry: number;
  _pingTimer?: NodeJS.Timeout;
  writable: boolean;
  url: string;
  lastEventId: string | string[];
  readyState: number;
  dispatchEvent(event: object): void;
  write(message: unknown): boolean;
  end(message?: unknown): void;
  send(message: unknown, options?: { event?: unknown, id?: unknown }): boolean;
  ping(): boolean;
  close(): boolean;
  _write(chunk: string): boolean;
  _open(): void;
}

// ---- extensions

/** A message on its way through plug-ins. */
export interface ExtensionMessage {
  rsv1: boolean;
  rsv2: boolean;
  rsv3: boolean;
  opcode: number;
  data: Buffer;
  length?: number;
}

export type ExtensionCallback = (error: any, message?: ExtensionMessage) => void;

/** An extension plug-in. */
export type Extension = Public.Extension;

/** Parameters of an extension by name; one that comes more than once has an array of values. */
export type ExtensionParams = { [name: string]: any };

/** What a plug-in has for one connection, as `websocket-extensions` defines it. */
export interface ExtensionSession {
  generateOffer?(): ExtensionParams | ExtensionParams[] | null;
  activate?(params: ExtensionParams): boolean;
  generateResponse?(): ExtensionParams;
  processIncomingMessage(message: ExtensionMessage, callback: ExtensionCallback): void;
  processOutgoingMessage(message: ExtensionMessage, callback: ExtensionCallback): void;
  close(): void;
}

// ---- dialling

/** The HTTP proxy to dial through. */
export interface ProxyWay {
  origin: URL;
  /** Names and values in turn. */
  headers: string[];
  tls: ConnectionOptions;
}

/** An error as Node throws it. */
export interface SystemError extends Error {
  code?: string;
  errno?: number;
  syscall?: string;
  hostname?: string;
  address?: string;
  port?: number;
  /** Of a proxy's answer. */
  statusCode?: number;
  headers?: { [name: string]: string };
}
