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
  /** Methods that every Buffer has and Node does not document: `toString` and `write` call them. */
  interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
    latin1Slice(start: number, end: number): string;
    utf8Slice(start: number, end: number): string;
    /** Returns the number of bytes that were written. */
    latin1Write(text: string, at: number): number;
    utf8Write(text: string, at: number): number;
  }
}

/** A stream in the style of Node.js 0.8, whose only state are these flags. */
export interface LegacyStream extends Stream {
  readable: boolean;
  writable: boolean;
  /** Whether the application has paused the messages. */
  _paused: boolean;
  /** Bytes that were written to it; counted only for a socket without a counter of its own. */
  bytesRead?: number;
  /** Node's `pipe` waits for 'drain' when this is true. */
  writableNeedDrain?: boolean;
}

/** The handle of a `net.Socket`: an object of Node's C++, which Node does not document. */
export interface StreamHandle {
  /** The descriptor; below 0 without one. */
  fd: number;
  /** Whether the handle is being read, as far as Node's JavaScript knows. */
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
 * application has passed. Optional members are those that not every Duplex has; they are checked for before they are used.
 */
export interface ByteStream extends Duplex {
  setTimeout?(milliseconds: number): unknown;
  setNoDelay?(noDelay: boolean): unknown;
  setKeepAlive?(enable: boolean, initialDelay?: number): unknown;
  /** Bytes received since the connection began. */
  bytesRead?: number;
  connecting?: boolean;
  /** Whether the stream is TLS. */
  encrypted?: boolean;
  getPeerCertificate?: unknown;
  /** Milliseconds without traffic until 'timeout'; 0 for none. */
  timeout?: number;
  /** Members of Node's sockets that are not documented. */
  _handle?: StreamHandle | null;
  _readableState?: { pipes: unknown[] };
  _writeGeneric?: unknown;
  _unrefTimer?(): void;
}

/** Receives the addon's reports about a connection: an entry of `connections` in ./driver/dirty_list. */
export interface Served {
  /** `length` and `count` are those of `dispatch`, see native.d.ts. */
  receive(length: number, count: number): unknown;
  /** Has the stream write output that the kernel has not taken when the dirty list was written; of those that use the list. */
  handOver?(): void;
}

/**
 * Reads and writes a connection past its stream: `driver._direct` while it does, `driver._aside` while it has stepped aside
 * and the stream reads. Only the driver, its parts and streams, and the addon's dispatch call it.
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
}

/** A request over HTTP/2: of Node's compatibility API, or an object with the headers of a server's event 'stream'. */
export interface Http2Request {
  headers: IncomingHttpHeaders;
}

// ---- drivers

/** `_driver` of a WebSocket: one of the classes in ./driver. */
export type AnyDriver = Driver;

/** The members of a driver that differ between versions of the protocol: ./driver/hybi.js and ./driver/hixie.js define them. */
export interface ProtocolVersion {
  /** Registers a plug-in for the handshake; false where it cannot be used. Throws a TypeError for an object that is no plug-in. */
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
  /** Sends an unsolicited pong (RFC 6455 section 5.5.3). */
  pong(message?: any): boolean;
  /** Begins the closing handshake, with 1000 when `code` is left out; false when it has begun before. */
  close(reason?: string | null, code?: number): boolean;

  /** Closes the connection, after the peer's close frame, or its violation of the protocol (`failed`). */
  _shutdown(code: number | undefined, reason: string | undefined, failed: boolean): void;
  /** Fails an open connection for an error that was found outside the native session; `type` is a close code, or its name. */
  _fail(type: string | number, message: string): void;
  /** Ends a connection whose handshake has failed. */
  _failHandshake(message: string): void;
  /** A server's value of Sec-WebSocket-Extensions. May throw: a refusal. */
  _answerExtensions(): string | null;
  _receivePing(payload: Buffer): void;
  _receivePong(payload: Buffer): void;
  /** Delivers a message that plug-ins have to decode first; of the reserved bits in `rsv`, RSV1 is 4, RSV2 is 2, RSV3 is 1. */
  _deliverEncoded(opcode: number, rsv: number, payload: Buffer): void;
  /** Delivers the next part of a message that is read while it arrives. */
  _deliverPart(opcode: number, isFirst: boolean, isLast: boolean, payload: Buffer): void;
  /** Bytes of a frame beside a payload of `length` bytes. */
  _overhead(length: number): number;
  /** Whether messages are framed unchanged by the native session, so that it may get them without `text` and `binary`. */
  readonly _sharesFrames: boolean;
  /** Whether the native session may get a broadcast of `length` bytes that way now. */
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
  /** Drops the queued frames. */
  discard(): void;
  /** Sends our half; false when it was sent before, or the handshake fails. `body` are bytes behind a server's request. */
  start(body?: Uint8Array, onAccept?: (driver: Driver) => void): boolean;
  /** The peer's half of the handshake has arrived. */
  complete(): void;
  /** Keeps a chunk that comes before the handshake was answered; false for a later one. */
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

/** The owner of a driver, a WebSocket, which is told of events before listeners. Only the driver calls these methods. */
export interface Owner extends EventEmitter {
  readonly bufferedAmount: number;
  _stream: ByteStream;
  _liveness: { takePong(payload: Buffer): void } | null;
  _open(): void;
  _receiveMessage(data: string | Buffer): void;
  /** False without a listener of 'stream'. */
  _receiveStream(stream: import('node:stream').Readable, isBinary: boolean): boolean;
  _leave(code: number, reason: string): void;
  _emitError(message: string): void;
  /** Drafts 75 and 76 have no codes and reasons. */
  _beginClose(reason: string | null | undefined, code: number | null | undefined): void;
  _finalizeClose(): void;
  /** Emits an event for a ping or pong. */
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
  /** The topics that it has subscribed to; null for none. */
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
  /** Why Node has dialled; null if the connection was dialled natively. */
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

/** A message that passes through plug-ins. */
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

/** A session: a plug-in's object for one connection, as `websocket-extensions` defines it. */
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
  /** Status and headers of a proxy's response. */
  statusCode?: number;
  headers?: { [name: string]: string };
}
