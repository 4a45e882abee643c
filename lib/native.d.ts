// Written by `npm run generate` from the sources of the addon.

/** The extensions that both sides have agreed on. */
export interface AgreedExtensions {
  /** Their indices in the list that was given, in the order in which messages pass through them. */
  members: Array<number>
  /** Reserved bits they use: RSV1 is 4, RSV2 is 2, RSV3 is 1. */
  rsv: number
  /** A server's answer. */
  header?: string
}

/** The response to a client's request, or to a CONNECT. */
export interface Answer {
  /** Absent when the response could not be parsed. */
  statusCode?: number
  /** Names in lower case and values, in turn. */
  headers: Array<string>
  failure?: string
  protocol?: string
}

/** Options of a client's session. */
export interface ClientOptions {
  /** Value of `Host`. */
  host: string
  /** Path and query. */
  target: string
  /** Value of `Sec-WebSocket-Key`. */
  key: string
  /** Value of `Authorization`. */
  authorization?: string
  protocols: Array<string>
  /** Bytes; NaN and Infinity mean no limit, and a negative number is 0. */
  maxLength: number
  requireProtocol: boolean
  masking: boolean
  /** Whether a masked frame of the server is an error. */
  forbidMasking: boolean
}

/** One side of permessage-deflate without a connection, for the session of a plug-in. */
export declare class DeflateCodec {
  /**
   * `limit`: most bytes of one message of the peer; NaN and Infinity mean no limit, and a
   * negative number is 0.
   */
  constructor(settings: DeflateSettings, limit: number)
  /** A client's offer; parameters here and below are keys and values in turn. */
  offer(): ParamList
  /** A server's answer to offers; null declines. */
  answer(offers: Array<ParamList>): ParamList | null
  /** Whether a client accepts the server's answer. */
  accept(answer: ParamList): boolean
  /** A compressed message; null if it is to be sent uncompressed. */
  compress(payload: Buffer): Uint8Array | null
  /** An inflated message of the peer; null if it is too large. Throws zlib's error. */
  inflate(payload: Buffer): Uint8Array | null
}

/** Options of permessage-deflate, in range. */
export interface DeflateSettings {
  level?: number
  memLevel?: number
  strategy?: number
  /** Bytes. */
  threshold?: number
  noContextTakeover?: boolean
  maxWindowBits?: number
  requestNoContextTakeover?: boolean
  requestMaxWindowBits?: number
  /** Whether to answer offers as the npm package does, see `proto::deflate::DeflateOptions`. */
  omitFullWindow?: boolean
}

/**
 * The state of a connection that is being made: which function JavaScript has to call next, if
 * any.
 */
export declare enum DialState {
  Nothing = 0,
  /** `takeCredentials`. */
  Credentials = 1,
  /** `handOver`. */
  Connection = 2,
  /** `takeFailure`. */
  Failure = 3,
  /** The attempt has ended, and no socket is open. */
  End = 4
}

/** One connection that is being made. */
export declare class Dialler {
  /**
   * `doorbell` is called, in the async context of this call, when the state has changed. Throws
   * for an invalid target.
   */
  constructor(target: SocketTarget, doorbell: () => void, tls?: TlsConnector | undefined | null, proxyTls?: TlsConnector | undefined | null)
  /** Begins to connect. */
  dial(): void
  /** The state. After `End` the doorbell is not called any more. */
  state(): DialState
  /** Takes the certificate to compare with its name. */
  takeCredentials(): SocketCredentials | null
  /** Accepts the certificate that was taken last; before, nothing is sent to its server. */
  giveConsent(): void
  /** Takes the failure. */
  takeFailure(): SocketFailure | null
  /**
   * Moves the connection to this thread's loop (see `servedAttach`), in the async context of
   * this call; `resource` is its async resource, and must live as long. Returns the connection's
   * number; or -1, and then the connection is closed. The doorbell is not called any more.
   */
  handOver(copy: number, resource: object): number
  /** The addresses of the connection, after `handOver`. */
  endpoints(): SocketEndpoints | null
  /** Abandons the attempt; the doorbell is called when its socket is closed. */
  abandon(): void
  /** Sets whether the attempt keeps the process alive, as it does at first. */
  setRef(keepAlive: boolean): void
}

/** A comment, which keeps an idle connection open. */
export declare const EVENT_SOURCE_COMMENT: string

/** Most bytes of a control frame's payload. */
export declare const MAX_CONTROL_BYTES: number

/** Parameters of an extension: keys and values in turn. */
export type ParamList = Array<any>

/** A server's plug-in declines, or answers with its parameters. */
export type PluginAnswer = boolean | ParamList

/** The response of a proxy that has not opened the tunnel. */
export interface ProxyAnswer {
  statusCode: number
  /** Names and values in turn. */
  headers: Array<string>
}

/** The end of a connection, after a verdict. */
export interface Settlement {
  /** Absent in drafts 75 and 76. */
  code?: number
  reason?: string
  /** Whether the peer has violated the protocol. */
  failed: boolean
}

/** A server's certificate, to be compared with its name. */
export interface SocketCredentials {
  name: string
  /** In DER. */
  certificate: Buffer
}

/** Addresses of both ends; all are absent on a Unix socket. */
export interface SocketEndpoints {
  localAddress?: string
  localPort?: number
  remoteAddress?: string
  remotePort?: number
}

/** Events of a dialled connection since the last report, as bits. */
export declare enum SocketEvents {
  /** The kernel has taken all output: a writer that waits may go on. */
  Flushed = 1,
  /** The kernel has the end of our stream. */
  Finished = 2,
  /** The connection has failed: see `servedFailure`. */
  Failed = 4,
  /** The socket is closed; no report will follow. */
  Closed = 8
}

/** The members of an error as Node makes it. */
export interface SocketFailure {
  syscall: string
  code?: string
  errno?: number
  address?: string
  port?: number
  hostname?: string
  text: string
  others: Array<SocketFailure>
  answer?: ProxyAnswer
}

/** The HTTP proxy to go through. */
export interface SocketProxy {
  host: string
  port: number
  /** As `servername` of the server, with a TLS connector for the proxy. */
  servername?: string
  /** The server's value of `Host`. */
  serverHost: string
  /** The server's address, for the text of errors. */
  url: string
  /** Value of `Proxy-Authorization`. */
  authorization?: string
  /** Further headers, names and values in turn. */
  headers: Array<string>
}

/** Where to connect to: `path`, or `host` and `port`. */
export interface SocketTarget {
  host?: string
  port?: number
  path?: string
  /** With a TLS connector: the server name of SNI, which the certificate has to be valid for. */
  servername?: string
  proxy?: SocketProxy
  /** Milliseconds until the connection has to be established. */
  timeout?: number
}

/** Makes TLS handshakes for `Dialler`. */
export declare class TlsConnector {
  constructor(setup: TlsSetup)
}

/** The settings of a connector. */
export interface TlsSetup {
  /** PEM certificates to trust. */
  roots: Buffer
  /** Our certificate chain, leaf first, PEM; with `key`, its PKCS#8 key, PEM. */
  cert?: Buffer
  key?: Buffer
  /** A PKCS#12 container with both, instead of `cert` and `key`. */
  pfx?: Buffer
  passphrase?: string
  /** Whether to refuse servers whose certificate is not trusted. */
  verify: boolean
  /** Whether to send the server's name in the ClientHello (SNI). */
  sni: boolean
  /** `TLSv1` to `TLSv1.3`. */
  minVersion: string
  maxVersion: string
  /** Ciphers up to TLS 1.2, and suites of TLS 1.3, in OpenSSL's notation. */
  ciphers: string
  suites: string
  /** OpenSSL's security level. */
  securityLevel: number
  /** Groups and signature algorithms; undefined for the defaults of the addon's OpenSSL. */
  groups?: string
  signatures?: string
}

/** Receives publications of other threads to topics of this one. */
export declare class TopicInbox {
  /** `on_message` is called when a publication was put into the empty inbox. */
  constructor(onMessage: () => void)
  /** Adds a topic. */
  subscribe(topic: string): void
  /** Removes a topic. */
  unsubscribe(topic: string): void
  /** Adds all topics, or undoes this; false if another thread has all topics. */
  setRelay(on: boolean): boolean
  /** Publishes to the other threads; to those whose inbox is not full. */
  publish(topic: string, isText: boolean, payload: Buffer): void
  /** Takes the publication that has waited longest, which becomes the current one. */
  take(): TopicMessage | null
  /** Has the function called again, for publications that were not taken. */
  ring(): void
  /** Appends the current publication to sessions, as `broadcast` does. */
  deliver(ids: Uint32Array): void
  /**
   * A copy of the payload of the current publication, for sockets that cannot be sent it by
   * `deliver`.
   *
   * # Errors
   *
   * `take` has not returned a publication.
   */
  payload(): Buffer
  /** Closes the inbox. */
  close(): void
}

/** A publication of another thread, without its payload. */
export interface TopicMessage {
  topic: string
  isText: boolean
  /** Bytes of the payload. */
  length: number
}

/** One CONNECT request and its response, without a socket. */
export declare class Tunnel {
  constructor(options: TunnelOptions)
  /** The bytes of the request; `custom` are headers of the application, names and values in turn. */
  request(custom: Array<string>): Buffer
  /**
   * Takes bytes of the proxy; returns how many of them are of its response, or null while that
   * is incomplete.
   */
  receive(chunk: Buffer): number | null
  /** The proxy's response, once it is complete. */
  answer(): Answer
}

/** Options of a tunnel. */
export interface TunnelOptions {
  /** The server behind the proxy. */
  hostname: string
  port: number
  /** The server's value of `Host`. */
  host: string
  /** The server's address, for the text of errors. */
  url: string
  /** Value of `Proxy-Authorization`. */
  authorization?: string
}

/** A key or a value; `true` is that of a parameter without a value. */
export type Value = boolean | number | string

/**
 * A client's judgement of the server's header. `ask` gets the index of an extension and the
 * parameters of the server, and returns whether the extension accepts them. Null from `ask` ends
 * the negotiation, which then returns null.
 */
export declare function acceptExtensions(answer: string, names: Array<string>, rsv: Array<number>, ask: (arg0: number, arg1: ParamList) => boolean | null): AgreedExtensions | null

/** The result of a client's handshake. */
export declare function answer(id: number): Answer | null

/**
 * A server's answer to the offers in a header. `ask` gets the index of an extension and the
 * parameters of each of its offers; it returns the parameters of the answer, or false to decline.
 * Null from `ask` ends the negotiation, which then returns null.
 */
export declare function answerExtensions(offers: string, names: Array<string>, rsv: Array<number>, ask: (arg0: number, arg1: Array<ParamList>) => PluginAnswer | null): AgreedExtensions | null

/**
 * Adds a copy of the JavaScript layer with its memory: the properties `spans`, `sendQueue` and
 * `dirtyList` (`Int32Array`), `payloads` and `slab` (`Buffer`) of `owner`, which must never be
 * replaced; they are used until `owner` is collected. `longest_text` is the length of the longest
 * string of JavaScript. Returns the number of the copy, which is valid until `owner` is collected.
 */
export declare function attach(owner: object, longestText: number): number

/** Our side begins to close; [`send_close`] sends the close frame. */
export declare function beginClosing(id: number): void

/**
 * Appends the same message to many sessions; its header is made once for those that neither mask
 * nor compress.
 */
export declare function broadcast(ids: Uint32Array, opcodeBits: number, payload: Buffer): void

/**
 * Gives the bytes of a message that is landing, the first of `memory`, back to the session, which
 * joins the message from now on.
 */
export declare function cancelLanding(id: number, memory: Buffer): void

/**
 * Whether a message that extensions in JavaScript have decoded, of opcode 1 or 2, may be
 * delivered. Otherwise the connection fails, and [`settle`] must follow.
 */
export declare function checkDecoded(id: number, opcode: number, payload: Buffer): boolean

/** The subprotocol that a server has chosen. */
export declare function chosenProtocol(id: number): string | null

/**
 * Ends the connection, and appends the close frame if it was not sent; returns how many bytes wait
 * for the peer.
 */
export declare function conclude(id: number): number

/** The client's side. */
export declare function createClientSession(copy: number, options: ClientOptions): number

/**
 * The server's side for a request: `head` is its method, its target, its absolute URL, and then
 * the values of the handshake's headers, or undefined (see `proto::sessions::setup`). Strings and
 * numbers only, as to convert an object takes longer than the handshake.
 */
export declare function createServerSession(copy: number, head: Array<string | undefined | null>, protocols: Array<string>, maxLength: number, flags: number, version: number): number

/**
 * Nothing was read for so many seconds: the peer's frames of this time, which arrive at once, do
 * not count as too many.
 */
export declare function creditSession(id: number, seconds: number): void

/**
 * Messages have to be decoded by extensions that are written in JavaScript, and use these reserved
 * bits.
 */
export declare function decodeOutside(id: number, claimed: number): void

/** One event. */
export declare function eventSourceEvent(name: string | undefined | null, id: string | undefined | null, data: string): string

/** The fields of an event stream's response. */
export declare function eventSourceFields(custom: Array<string>): Array<string>

/**
 * The response's head and the first field; `custom` are names and values in turn, `retry` is in
 * milliseconds.
 */
export declare function eventSourceHead(custom: Array<string>, retry: number): string

/** The first field of an event stream; in milliseconds. */
export declare function eventSourceRetry(milliseconds: number): string

/** Fails the connection for an error that was found outside the core; [`settle`] must follow. */
export declare function failSession(id: number, code: number, message: string): void

/**
 * Makes a frame in the memory of its payload, which is behind 14 bytes of room for the header.
 * Returns where the frame begins; -1 where only [`send`] can make it, as while other output waits.
 */
export declare function frameAround(id: number, opcodeBits: number, memory: Buffer): number

/** A new value for Sec-WebSocket-Key. */
export declare function generateKey(): string

/** Runs the job for which `receive` has stopped; it can go on when the promise is resolved. */
export declare function inflateAsync(id: number): Promise<unknown>

/** Whether permessage-deflate was agreed on. */
export declare function isCompressed(id: number): boolean

/** Whether a value of `Accept` asks for an event stream. */
export declare function isEventSource(accept: string): boolean

/** Whether a text can be part of a line of a head: it has no CR, LF or NUL. */
export declare function isSingleLine(text: string): boolean

/** Whether the bytes are well-formed UTF-8. */
export declare function isUtf8(bytes: Buffer): boolean

/** Whether a request asks for a WebSocket. */
export declare function isWebSocket(method: string, connection: string, upgrade: string): boolean

/** Whether a request asks for a WebSocket over HTTP/2. */
export declare function isWebSocketConnect(method: string, protocol: string): boolean

/**
 * Takes the next `length` bytes of a message that is landing, which are in `memory` behind the
 * earlier ones. Reports as `receive` does, and returns the number of events: 1 when the message is
 * complete.
 */
export declare function landed(id: number, memory: Buffer, length: number): number

/**
 * Bytes of memory to reserve for a message of which `arrived` bytes have arrived and `missing`
 * others have not.
 */
export declare function messageCapacity(arrived: number, missing: number): number

/** A client's offer, or null: of each extension its name and one list of parameters. */
export declare function offerExtensions(names: Array<string>, params: Array<ParamList>): string | null

/** The handshake has succeeded: the connection is open. */
export declare function openSession(id: number): void

/** Frames the messages in the send queue; returns how many bytes wait for the session's peer. */
export declare function pending(id: number): number

/**
 * Has the handshake negotiate permessage-deflate, instead of any extension given to
 * [`start_handshake`].
 */
export declare function proposeDeflate(id: number, settings: DeflateSettings): void

/** Publishes from a thread without an inbox to the others; to those whose inbox is not full. */
export declare function publishTopic(topic: string, isText: boolean, payload: Buffer): void

/**
 * Parses a chunk from byte `from` on, and writes a report into the spans; returns the number of
 * events. Payloads are unmasked in the chunk.
 */
export declare function receive(id: number, chunk: Buffer, from: number): number

/** Why a server must refuse the request, or null. */
export declare function refusal(id: number): string | null

/** Writes the response that refuses the request; returns how many bytes wait for the peer. */
export declare function refuse(id: number, message: string): number

/** The fields that refuse a server's request; the message is the body. */
export declare function refuseHttp2(id: number, message: string): Array<string>

/** Releases a session; its number may be used again for another one. */
export declare function releaseSession(id: number): void

/**
 * The fields that accept a server's request; `custom` and `extensions` are those of
 * [`start_handshake`](super::session::start_handshake).
 */
export declare function respondHttp2(id: number, custom?: Array<string> | undefined | null, extensions?: string | undefined | null): Array<string>

/** Limits what the peer may send: frames in one message, messages and pings in a second. */
export declare function restrictSession(id: number, maxFragments?: number | undefined | null, messageRate?: number | undefined | null, pingRate?: number | undefined | null): void

/** Copies the payload of an event, in the session's scratch memory, into `target`. */
export declare function scratchBytes(id: number, offset: number, target: Buffer): void

/** The text of an event whose payload is in the session's scratch memory. */
export declare function scratchText(id: number, offset: number, length: number): string

/**
 * Appends one frame; `opcodeBits` are the opcode in the low four bits, and the reserved bits
 * above. Returns how many bytes wait for the peer.
 */
export declare function send(id: number, opcodeBits: number, payload: Buffer): number

/**
 * Sends a long message, of opcode 1 or 2, which is compressed on another thread. Resolves with the
 * number of bytes that wait for the peer when it was framed; no other message may be sent before.
 */
export declare function sendAsync(id: number, opcode: number, payload: Buffer): Promise<unknown>

/** Appends a close frame; returns how many bytes wait for the peer. */
export declare function sendClose(id: number, code: number, reason: Buffer): number

/**
 * Appends one fragment of a message; its opcode is 0 for all but the first, and `last` ends the
 * message. Returns how many bytes wait for the peer.
 */
export declare function sendFragment(id: number, opcodeBits: number, last: boolean, payload: Buffer): number

/**
 * Sets `dispatch(number, length, count)`, which is called with reports about a copy's connections.
 * `length` above 0: so many bytes are in the slab; if they were parsed by a session, `count`
 * events are in the spans; bit 16 of `count`: the event is in memory that was lent. `length` 0:
 * the stream has ended. `length` a small negative number: reading has failed with this error
 * number, negated. `length` from -2^31 on: +0, the socket has failed; +1, the system has not taken
 * `count` bytes of output when the dirty list was written; +2, `servedLand` should lend `count`
 * bytes of memory; +4, `count` has bits of `SocketEvents`; +3, of no connection: a listener runs
 * the event loop, which will overwrite the slab, and output that waits for the return of the
 * listener has to be written. Returns false where Node's loop cannot be watched.
 */
export declare function servedAttach(copy: number, dispatch: (number: number, length: number, count: number) => void): boolean

/** Closes the socket in any state; `Closed` will be reported. */
export declare function servedDestroy(number: number): void

/** The failure, after `Failed` was reported. */
export declare function servedFailure(number: number): SocketFailure | null

/** Ends our stream after the queue; `Finished` will be reported. */
export declare function servedFinish(number: number): void

/**
 * Switches keep-alive probes; the first after `delay` seconds without traffic, 0 for the system's
 * delay.
 */
export declare function servedKeepAlive(number: number, enable: boolean, delay: number): void

/**
 * Lends memory for the message that is landing; its bytes that have arrived are copied there from
 * the memory that was lent before. The loan ends when the message's event is reported, or the
 * connection is released.
 */
export declare function servedLand(number: number, memory: Buffer): void

/** Switches Nagle's algorithm off (`true`) or on. */
export declare function servedNoDelay(number: number, noDelay: boolean): void

/**
 * Writes a chunk, and queues a copy of what the kernel does not take. True when more may be
 * written; otherwise `Flushed` will be reported, and nothing may be written before.
 */
export declare function servedPush(number: number, chunk: Uint8Array): boolean

/** As `servedPush`, for several chunks. */
export declare function servedPushAll(number: number, chunks: Array<Buffer>): boolean

/** Has chunks reported unparsed for a while, or parsed again. */
export declare function servedRaw(number: number, on: boolean): void

/** Stops or goes on reading; false where the system refuses. */
export declare function servedRead(number: number, on: boolean): boolean

/** The number of bytes that were read. */
export declare function servedReceived(number: number): number

/** Sets whether a connection keeps the process alive. */
export declare function servedRef(number: number, keepAlive: boolean): void

/** Releases a connection. Its descriptor is not used any more and may be closed. */
export declare function servedRelease(number: number): void

/**
 * Writes the session's output and then a message, whose payload is not copied if it is neither
 * masked nor compressed. Returns how many bytes the system has not taken: those of the session's
 * output stay there; those of an uncopied payload the caller has to send.
 */
export declare function servedSend(number: number, opcodeBits: number, payload: Buffer): number

/** Has chunks parsed by a session from now on; with -1, has them reported unparsed. */
export declare function servedSession(number: number, session: number): void

/**
 * Reads `descriptor` for a session from now on. `resource` is its async resource; it must be kept,
 * and the descriptor stay open, until the connection is released. Returns the connection's number,
 * or -1 where the system refuses.
 */
export declare function servedWatch(copy: number, descriptor: number, session: number, resource: object): number

/**
 * Writes the session's output; returns how many bytes the system has not taken, which stay in the
 * session.
 */
export declare function servedWrite(number: number): number

/**
 * Writes the output of the connections on the dirty list; returns the numbers of those of which
 * the system has not taken all. The remaining bytes stay in the sessions.
 */
export declare function servedWriteDirty(): Array<number> | null

/** The number of bytes that were written for a session. */
export declare function servedWritten(number: number): number

/** The version of the protocol, by number as for [`create_server_session`]. */
export declare function sessionVersion(id: number): number

/** Decides about a verdict in the state of now; null if the connection goes on. */
export declare function settle(id: number): Settlement | null

/**
 * Appends our half of the handshake, with the application's headers (names and values in turn) and
 * the value of Sec-WebSocket-Extensions. True if the handshake is complete without more bytes of
 * the peer.
 */
export declare function startHandshake(id: number, custom?: Array<string> | undefined | null, extensions?: string | undefined | null): boolean

/** Has messages of more than `bytes` bytes reported in parts while they arrive. */
export declare function streamSession(id: number, bytes: number): void

/**
 * Frees the zlib states that were not used since the last call; returns the bytes of those that
 * remain.
 */
export declare function sweepDeflate(): number

/**
 * Moves the bytes that wait for the peer into `target`, if it has exactly their length; returns
 * their number.
 */
export declare function takeOutput(id: number, target: Buffer): number
