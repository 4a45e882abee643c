/**
 * Types that several files of lib/ share. Nothing of this file is loaded or published: `npm run lint` has TypeScript
 * check lib/ against it (see tsconfig.json). What the addon exports is declared in native.d.ts, and what users of the
 * package see in ../index.d.ts.
 */
import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { NetConnectOpts, Socket } from 'node:net';
import type { Duplex, Stream } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';

import type Public = require('../index');
import type Backpressure = require('./driver/backpressure');
import type Batch = require('./driver/batch');
import type Compression = require('./driver/compression');
import type Driver = require('./driver/base');
import type Extensions = require('./driver/extensions');
import type Landing = require('./driver/landing');
import type { IO, Messages } from './driver/streams';

// ---- streams

declare global {
  /** Methods that every Buffer has and Node does not document: what `toString` and `write` come down to. */
  interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
    latin1Slice(start: number, end: number): string;
    utf8Slice(start: number, end: number): string;
    ucs2Slice(start: number, end: number): string;
    /** Returns the number of bytes that were written. */
    latin1Write(text: string, at: number): number;
    utf8Write(text: string, at: number): number;
  }
}

/** A stream as of Node.js 0.8, which has no state but these flags. */
export interface LegacyStream extends Stream {
  readable: boolean;
  writable: boolean;
  /** Listeners by event; undefined until there is one. */
  _events: object | undefined;
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
 * The byte stream under a WebSocket: a `net.Socket`, `tls.TLSSocket` or NativeSocket; on a server any Duplex that the
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
 * stream read for a time. Only the driver, its streams, ./driver/aside and the addon's dispatch call it.
 */
export type DirectSocket = import('./socket/direct');

// ---- drivers

/** `_driver` of a WebSocket: one of the classes in ./driver. */
export type AnyDriver = Driver;

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
  _emitError(message: string): void;
  _beginClose(reason: string | null, code: number | null): void;
}

/** Type of a frame, for `frame` of a driver. */
export type FrameType = 'text' | 'binary' | 'close' | 'ping' | 'pong' | 'continuation';

/**
 * Fields of a driver that more than one class of ./driver/output.js, ./driver/base.js and those that extend them use.
 * Initial values of those that most connections never change are in ./driver/defaults.js.
 */
export interface DriverFields extends EventEmitter {
  _events: object | undefined;
  /** `hybi-13`, `hybi-8`, `hybi-7`, `hixie-76` or `hixie-75`. */
  version: string;
  /** The subprotocol that was agreed on. */
  protocol?: string | null;
  /** -1 before a client's request, 0 connecting, 1 open, 2 closing, 3 closed. */
  readyState: number;
  /** The wire side. */
  io: IO;
  /** Number of the native session. */
  _id: number;
  _owner: Owner | null;
  _options: DriverOptions;
  _request: IncomingMessage | null;
  /** What reads and writes the descriptor past the stream, while it does. */
  _direct: DirectSocket | null;
  /** The same, while the stream reads; see ./driver/aside. */
  _aside: DirectSocket | null;
  /** Node's handle of a socket whose stream reads and writes it. */
  _handle: StreamHandle | null;
  /** Events that have not been dispatched yet. */
  _batch: Batch | null;
  /** How many calls of `parse` are running, one inside the other. */
  _depth: number;
  /** Whether `flush` will be called at the end of the turn. */
  _scheduled: boolean;
  /** Bytes for the peer that the session holds; exact where `_isExact`. */
  _pending: number;
  _isExact: boolean;
  _messages: Messages | null;
  _isFinished: boolean;
  _inputEnded: boolean;
  _congested: boolean;
  _extensions: Extensions | null;
  _early: Uint8Array[] | null;
  _awaitsBody: boolean;
  _headers: string[] | null;
  _queue: [data: any, type?: FrameType, code?: number][] | null;
  _landing: Landing | null;
  _landed: Buffer | null;
  _held: Buffer | null;
  _queued: Buffer[] | null;
  _pingCallbacks: Map<string, () => void> | null;
  _frames: Buffer[] | null;
  /** Bytes of `_frames`. */
  _framed: number;
  _only: Buffer | null;
  _hasAnswered: boolean;
  _backpressure: Backpressure | null;
  _isRated: boolean;
  /** Milliseconds of `performance.now()`. */
  _pausedAt: number;
  _unsentPongs: number;
  _lastPong: Buffer | null;
  _registry: FinalizationRegistry<number> | null;
  _compression: Compression | null;
  readonly _sharesFrames: boolean;
  // Of the protocol's version: not every one has them.
  _completeHandshake?(): void;
  _shutdown?(code: number | undefined, reason: string | undefined, failed: boolean): void;
  _fail?(type: string | number, message: string): void;
  _deliverDecoded?(opcode: number, data: Buffer): void;
}

// ---- WebSockets

/** Options of servers and clients that concern the handshake. */
export type HandshakeOptions = Pick<Public.Options, 'headers' | 'extensions' | 'deflate' | 'nativeDeflate'>;

/** Fields and methods of a WebSocket, server's or client's, that are not in ../index.d.ts. */
export interface WebSocketFields extends Owner {
  _driver: any;
  _events: any;
  _eventsCount: number;
  _ping: number | undefined;
  /** Number of the last automatic ping. */
  _pingId: number;
  _liveness: import('./liveness').Liveness | null;
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
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  dispatchEvent(event: object): void;
  send(data?: unknown): boolean;
  ping(message?: unknown, callback?: () => void): boolean;
  close(code?: number, reason?: string): void;
  terminate(): void;
  /** Throws for options that are of another type or out of range. */
  _configureDriver(options: HandshakeOptions): void;
  _configureStream(): void;
  _finalizeClose(): void;
  _leave(code: number, reason: string): void;
  _fail(message: string): void;
}

/** The same of a client. */
export interface ClientFields extends WebSocketFields {
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
  _stream: Socket | null;
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
