// Written by `npm run generate` from the sources of the addon.

/** The extensions both sides agreed on. */
export interface AgreedExtensions {
  /** By their place in the list that was given, in the order in which messages pass through them. */
  members: Array<number>
  /** Reserved bits they use: RSV1 is 4, RSV2 is 2, RSV3 is 1. */
  rsv: number
  /** A server's answer. */
  header?: string
}

/** What a client found in the response. */
export interface Answer {
  /** Absent when the response could not be parsed. */
  statusCode?: number
  /** Names in lower case and values, in turn. */
  headers: Array<string>
  failure?: string
  protocol?: string
}

/** What a client needs to know. */
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
  /** Bytes; not finite means no limit. */
  maxLength: number
  requireProtocol: boolean
  masking: boolean
  /** Whether a masked frame of the server is an error. */
  forbidMasking: boolean
}

/** One side of permessage-deflate without a connection: what a plug-in's session is made of. */
export declare class DeflateCodec {
  /** `limit`: most bytes of one message of the peer; not finite means no limit. */
  constructor(settings: DeflateSettings, limit: number)
  /** A client's offer; parameters here and below are keys and values in turn. */
  offer(): ParamList
  /** A server's answer to offers; null declines. */
  answer(offers: Array<ParamList>): ParamList | null
  /** Whether a client takes the server's answer. */
  accept(answer: ParamList): boolean
  /** A message as it leaves, or null if it leaves as it is. */
  compress(payload: Buffer): Uint8Array | null
  /** A message of the peer, or null if it is too large. Throws zlib's complaint. */
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
  /** Answers as the npm package does. */
  omitFullWindow?: boolean
}

/** What JavaScript has to do next about a connection that is being made: something to take, or nothing. */
export declare enum DialState {
  Nothing = 0,
  /** `takeCredentials`. */
  Credentials = 1,
  /** `handOver`. */
  Connection = 2,
  /** `takeFailure`. */
  Failure = 3,
  /** Nothing will follow, and no socket is open. */
  End = 4
}

/** One connection that is being made. */
export declare class Dialler {
  /**
   * `doorbell` is called, in the async context of this call, whenever the state has changed. Throws for what
   * cannot be dialled.
   */
  constructor(target: SocketTarget, doorbell: () => void, tls?: TlsConnector | undefined | null, proxyTls?: TlsConnector | undefined | null)
  /** Begins to connect. */
  dial(): void
  /** What to do next. After `End` the doorbell is silent. */
  state(): DialState
  /** The certificate to look at. */
  takeCredentials(): SocketCredentials | null
  /** Accepts the certificate taken last; until then its server gets no byte of ours. */
  giveConsent(): void
  /** What went wrong. */
  takeFailure(): SocketFailure | null
  /**
   * Has the connection served on this thread's loop (see `servedAttach`), in the async context of
   * this call; `resource` stands for it and must live as long. Returns its number there, or -1,
   * and then the connection is lost. The doorbell is silent from then on.
   */
  handOver(copy: number, resource: object): number
  /** The addresses of the connection that was handed over. */
  endpoints(): SocketEndpoints | null
  /** Gives the attempt up; the doorbell rings when its socket is closed. */
  abandon(): void
  /** Whether the attempt keeps the process alive; it does from the start. */
  setRef(keepAlive: boolean): void
}

/** A comment, which keeps the connection open. */
export declare const EVENT_SOURCE_COMMENT: string

/** Most bytes of a control frame's payload. */
export declare const MAX_CONTROL_BYTES: number

/** Parameters of an extension: keys and values in turn. */
export type ParamList = Array<any>

/** A server's plug-in declines, or answers with its parameters. */
export type PluginAnswer = boolean | ParamList

/** What a proxy answered that did not open its tunnel. */
export interface ProxyAnswer {
  statusCode: number
  /** Names and values in turn. */
  headers: Array<string>
}

/** What a verdict comes to. */
export interface Settlement {
  /** Absent in drafts 75 and 76. */
  code?: number
  reason?: string
  /** Whether the peer broke the protocol. */
  failed: boolean
}

/** A server's certificate, to be checked against the name it was asked by. */
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

/** Bits that say what has happened to a dialled connection since the last. */
export declare enum SocketEvents {
  /** What was written has reached the kernel: a writer that waits may go on. */
  Flushed = 1,
  /** The end of our stream has reached the kernel. */
  Finished = 2,
  /** A failure waits to be taken. */
  Failed = 4,
  /** The socket is closed, and nothing will follow. */
  Closed = 8
}

/** The raw material of a Node system error. */
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
  /** As the server's, with a TLS connector for the proxy. */
  servername?: string
  /** The server's value of `Host`. */
  serverHost: string
  /** The server's address, as errors show it. */
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
  /** The name to ask the server by and to find in its certificate, with a TLS connector. */
  servername?: string
  proxy?: SocketProxy
  /** Milliseconds for everything until the connection stands. */
  timeout?: number
}

/** Makes TLS handshakes for `Dialler`. */
export declare class TlsConnector {
  constructor(setup: TlsSetup)
}

/** The options that decide how a handshake is made. */
export interface TlsSetup {
  /** PEM certificates to trust. */
  roots: Buffer
  /** Our certificate chain, leaf first, PEM; with `key`, its PKCS#8 key, PEM. */
  cert?: Buffer
  key?: Buffer
  /** Instead of both, a PKCS#12 container. */
  pfx?: Buffer
  passphrase?: string
  /** Whether to refuse servers that are not trusted. */
  verify: boolean
  /** Whether to send the server's name in the hello. */
  sni: boolean
  /** `TLSv1` to `TLSv1.3`. */
  minVersion: string
  maxVersion: string
  /** Ciphers up to TLS 1.2, and suites of TLS 1.3, in OpenSSL's notation. */
  ciphers: string
  suites: string
  /** OpenSSL's security level. */
  securityLevel: number
  /** Groups and signature algorithms, where they are not those of our OpenSSL. */
  groups?: string
  signatures?: string
}

/** What other threads have published to topics of this one. */
export declare class TopicInbox {
  /** `on_message` is called when something waits to be taken, until nothing does any more. */
  constructor(onMessage: () => void)
  /** Takes what is published to a topic. */
  subscribe(topic: string): void
  /** Takes it no more. */
  unsubscribe(topic: string): void
  /** Takes what is published to any topic, or no more; false when another thread does. */
  setRelay(on: boolean): boolean
  /** Publishes to the other threads, as far as they have room for it. */
  publish(topic: string, isText: boolean, payload: Buffer): void
  /** The publication that has waited longest, which becomes the current one. */
  take(): TopicMessage | null
  /** Has the function called again, for what was not taken. */
  ring(): void
  /** Appends the current publication to sessions, as `broadcast` does. */
  deliver(ids: Uint32Array): void
  /**
   * The payload of the current publication, for those that cannot be given it natively.
   *
   * # Errors
   *
   * Nothing was taken.
   */
  payload(): Buffer
  /** Takes nothing any more. */
  close(): void
}

/** A publication of another thread; its payload stays native. */
export interface TopicMessage {
  topic: string
  isText: boolean
  /** Bytes of the payload. */
  length: number
}

/** One CONNECT, without its socket. */
export declare class Tunnel {
  constructor(options: TunnelOptions)
  /** The bytes of the request, with headers of the application: names and values in turn. */
  request(custom: Array<string>): Buffer
  /**
   * Takes bytes of the proxy; returns how many of them belonged to its answer, or null while it
   * is incomplete.
   */
  receive(chunk: Buffer): number | null
  /** The proxy's answer, once it is complete. */
  answer(): Answer
}

/** What a tunnel needs to know. */
export interface TunnelOptions {
  /** The server behind the proxy. */
  hostname: string
  port: number
  /** The server's value of `Host`. */
  host: string
  /** The server's address, as errors show it. */
  url: string
  /** Value of `Proxy-Authorization`. */
  authorization?: string
}

/** A key, or what it has for a value: `true` where it has none. */
export type Value = boolean | number | string

/**
 * A client's judgement of the server's header. `ask` gets the place of an extension and the
 * parameters the server chose, and returns whether the extension takes them; null ends the
 * negotiation, which then returns null.
 */
export declare function acceptExtensions(answer: string, names: Array<string>, rsv: Array<number>, ask: (arg0: number, arg1: ParamList) => boolean | null): AgreedExtensions | null

/** What became of a client's handshake. */
export declare function answer(id: number): Answer | null

/**
 * A server's answer to the offers in a header. `ask` gets the place of an extension and the
 * parameters of each of its offers; it returns the parameters of the answer, or false to decline.
 * Null from `ask` ends the negotiation, which then returns null.
 */
export declare function answerExtensions(offers: string, names: Array<string>, rsv: Array<number>, ask: (arg0: number, arg1: Array<ParamList>) => PluginAnswer | null): AgreedExtensions | null

/**
 * Takes the memory of one copy of the JavaScript layer: the properties `spans`, `sendQueue` and
 * `dirtyList` (`Int32Array`), `payloads` and `slab` (`Buffer`) of `owner`, which must stay what they are; they are used
 * as long as `owner` is there. `longest_text` is the length of the longest string there can be. Returns the
 * number of the copy, which means nothing once `owner` has been collected.
 */
export declare function attach(owner: object, longestText: number): number

/** Our side says goodbye; the close frame is [`send_close`]'s. */
export declare function beginClosing(id: number): void

/** Appends the same message to many sessions; it is framed once where it goes out as it is. */
export declare function broadcast(ids: Uint32Array, opcodeBits: number, payload: Buffer): void

/**
 * Has a message that is landing collected natively after all; what has arrived of it is at the
 * beginning of `memory`.
 */
export declare function cancelLanding(id: number, memory: Buffer): void

/**
 * Judges a message that extensions written in JavaScript have decoded: opcode 1 or 2. False fails
 * the connection; [`settle`] must follow.
 */
export declare function checkDecoded(id: number, opcode: number, payload: Buffer): boolean

/** A server's choice of subprotocol. */
export declare function chosenProtocol(id: number): string | null

/** Ends the connection with the close frame that is still due; returns how many bytes wait. */
export declare function conclude(id: number): number

/** The client's side. */
export declare function createClientSession(copy: number, options: ClientOptions): number

/**
 * The server's side for a request: `head` is its method, its target, its absolute URL and then
 * the headers of a handshake, where they are there. Strings and numbers only: converting an
 * object costs more than the handshake.
 */
export declare function createServerSession(copy: number, head: Array<string | undefined | null>, protocols: Array<string>, maxLength: number, flags: number, version: number): number

/** Allows for what the peer may have sent while nothing was read for so many seconds. */
export declare function creditSession(id: number, seconds: number): void

/** Messages go through extensions written in JavaScript, which claim these reserved bits. */
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

/** An extension fails the connection; [`settle`] must follow. */
export declare function failSession(id: number, code: number, message: string): void

/**
 * Makes a frame of a message where it lies: behind 14 bytes of room for the header. Returns where
 * the frame begins, or -1 where only [`send`] can make one. Output that waits goes out before it.
 */
export declare function frameAround(id: number, opcodeBits: number, memory: Buffer): number

/** A fresh value for Sec-WebSocket-Key. */
export declare function generateKey(): string

/** Does the work `receive` stopped for; it goes on once the promise is resolved. */
export declare function inflateAsync(id: number): Promise<unknown>

/** Whether permessage-deflate was agreed on. */
export declare function isCompressed(id: number): boolean

/** Whether a value of `Accept` asks for an event stream. */
export declare function isEventSource(accept: string): boolean

/** Whether a text fits a line of a head: it has no CR, LF or NUL. */
export declare function isSingleLine(text: string): boolean

/** Whether the bytes are well-formed UTF-8. */
export declare function isUtf8(bytes: Buffer): boolean

/** Whether a request asks for a WebSocket. */
export declare function isWebSocket(method: string, connection: string, upgrade: string): boolean

/** Whether a request asks for a WebSocket over HTTP/2. */
export declare function isWebSocketConnect(method: string, protocol: string): boolean

/**
 * Takes the next `length` bytes of a message that is landing, which are in `memory` behind those
 * that came before; reports as `receive` does, and returns the number of events: 1 for the complete
 * message.
 */
export declare function landed(id: number, memory: Buffer, length: number): number

/** Bytes of memory for a message of which `arrived` bytes are there and `missing` others are not. */
export declare function messageCapacity(arrived: number, missing: number): number

/** A client's offer, or null: of each extension its name and one list of parameters. */
export declare function offerExtensions(names: Array<string>, params: Array<ParamList>): string | null

/** The handshake succeeded. */
export declare function openSession(id: number): void

/** Frames what is in the send queue; returns how many bytes wait for the session's peer. */
export declare function pending(id: number): number

/**
 * Has the handshake negotiate permessage-deflate, instead of any extension given to
 * [`start_handshake`].
 */
export declare function proposeDeflate(id: number, settings: DeflateSettings): void

/** Publishes to the other threads, as far as they have room for it, from one that has no inbox. */
export declare function publishTopic(topic: string, isText: boolean, payload: Buffer): void

/**
 * Parses a chunk from byte `from` on and reports into the memory of the session's copy; returns the number
 * of events. The chunk's payloads are unmasked in place.
 */
export declare function receive(id: number, chunk: Buffer, from: number): number

/** Why a server must refuse the request, or null. */
export declare function refusal(id: number): string | null

/** Writes the response that refuses the request; returns how many bytes wait for the peer. */
export declare function refuse(id: number, message: string): number

/** The fields that refuse a server's request; the message is the body. */
export declare function refuseHttp2(id: number, message: string): Array<string>

/** Gives the session's memory back; its number means nothing until another session gets it. */
export declare function releaseSession(id: number): void

/**
 * The fields that accept a server's request; `custom` and `extensions` are those of
 * [`start_handshake`](super::session::start_handshake).
 */
export declare function respondHttp2(id: number, custom?: Array<string> | undefined | null, extensions?: string | undefined | null): Array<string>

/** Bounds what the peer may send: frames in one message, messages a second and pings a second. */
export declare function restrictSession(id: number, maxFragments?: number | undefined | null, messageRate?: number | undefined | null, pingRate?: number | undefined | null): void

/** Copies the payload of an event that lies in the session's scratch memory into `target`. */
export declare function scratchBytes(id: number, offset: number, target: Buffer): void

/** The text of an event whose payload lies in the session's scratch memory. */
export declare function scratchText(id: number, offset: number, length: number): string

/**
 * Appends one frame: `opcode` in the low four bits, reserved bits above. Returns how many bytes
 * wait for the peer.
 */
export declare function send(id: number, opcodeBits: number, payload: Buffer): number

/**
 * Sends a long message: opcode 1 or 2. Resolves with the bytes that wait for the peer once it has
 * been compressed and written; none may be sent before.
 */
export declare function sendAsync(id: number, opcode: number, payload: Buffer): Promise<unknown>

/** Writes a close frame; returns how many bytes wait for the peer. */
export declare function sendClose(id: number, code: number, reason: Buffer): number

/**
 * Appends one fragment of a message; `opcode` is 0 for all but the first, and `last` ends the message.
 * Returns how many bytes wait for the peer.
 */
export declare function sendFragment(id: number, opcodeBits: number, last: boolean, payload: Buffer): number

/**
 * Takes `dispatch(number, length, count)`, which is called for each chunk of a copy's connections:
 * `length` bytes are in the slab and, when they were parsed for a session, `count` events in the
 * spans; bit 16 of `count`: the event is in memory that was lent. `length` 0 is the end of the
 * stream, and a small negative number an error number, negated. The least integers: of the socket,
 * +0 has failed; +1 did not take `count` bytes of the output of the dirty list; +2 should be given `count` bytes of
 * memory with `servedLand`; +4 has the events `count`, bits of `SocketEvents`. +3, of no connection: a
 * listener is running the event loop, so that the slab is about to be overwritten, and output that
 * waits for the listener must leave. False where Node's loop cannot be watched.
 */
export declare function servedAttach(copy: number, dispatch: (number: number, length: number, count: number) => void): boolean

/** Closes the socket in whatever state it is; later events say `Closed`. */
export declare function servedDestroy(number: number): void

/** What went wrong, after events said `Failed`. */
export declare function servedFailure(number: number): SocketFailure | null

/** Ends our direction after what was written; later events say `Finished`. */
export declare function servedFinish(number: number): void

/** Keep-alive probes, the first after `delay` seconds; 0 keeps the system's delay. */
export declare function servedKeepAlive(number: number, enable: boolean, delay: number): void

/**
 * Lends memory for the message that is being read, as asked for; what has arrived of it moves
 * there. The memory is JavaScript's again when its event is reported, or the connection released.
 */
export declare function servedLand(number: number, memory: Buffer): void

/** Nagle's algorithm off (`true`) or on. */
export declare function servedNoDelay(number: number, noDelay: boolean): void

/**
 * Copies what the kernel does not take at once. `true` when more may follow; otherwise later events
 * say `Flushed`, and nothing may be written before.
 */
export declare function servedPush(number: number, chunk: Uint8Array): boolean

/** Like `servedPush`, for several chunks. */
export declare function servedPushAll(number: number, chunks: Array<Buffer>): boolean

/** Hands chunks over unparsed for a while, or parses them again. */
export declare function servedRaw(number: number, on: boolean): void

/** Reads no more, or goes on reading; false when the system refuses. */
export declare function servedRead(number: number, on: boolean): boolean

/** Bytes read. */
export declare function servedReceived(number: number): number

/** Whether a connection keeps the process alive. */
export declare function servedRef(number: number, keepAlive: boolean): void

/** Forgets a connection. Its descriptor is not touched any more and may be closed. */
export declare function servedRelease(number: number): void

/**
 * Writes what the session holds for the peer and then a message, without copying it first where it
 * goes out as it is; returns how many bytes the system did not take. What is left of the session's
 * output stays there; what is left of an uncopied payload is the caller's to send.
 */
export declare function servedSend(number: number, opcodeBits: number, payload: Buffer): number

/** Parses chunks for a session from now on, or with -1 hands them over as they are. */
export declare function servedSession(number: number, session: number): void

/**
 * Reads `descriptor` for a session from now on. `resource` is the resource of its async context, and
 * must be kept until the connection is released; the descriptor must stay open as long. Returns the
 * connection's number, or -1 when the system refuses.
 */
export declare function servedWatch(copy: number, descriptor: number, session: number, resource: object): number

/**
 * Writes what the session holds for the peer; returns how many bytes the system did not take. They
 * stay in the session.
 */
export declare function servedWrite(number: number): number

/**
 * Writes what the connections on the dirty list hold; returns the numbers of those of which the system did not
 * take everything. What is left stays in the sessions.
 */
export declare function servedWriteDirty(): Array<number> | null

/** Bytes written for a session. */
export declare function servedWritten(number: number): number

/** The version of the protocol, by number as for [`create_server_session`]. */
export declare function sessionVersion(id: number): number

/** What a verdict means by now, or null when it means nothing any more. */
export declare function settle(id: number): Settlement | null

/**
 * Writes our half of the handshake, with the application's headers (names and values in turn)
 * and the value of Sec-WebSocket-Extensions. True when nothing of the peer is awaited.
 */
export declare function startHandshake(id: number, custom?: Array<string> | undefined | null, extensions?: string | undefined | null): boolean

/** Has messages of more than so many bytes reported while they arrive. */
export declare function streamSession(id: number, bytes: number): void

/** Gives back the zlib states that were not used since the last call; returns the bytes that remain. */
export declare function sweepDeflate(): number

/**
 * Moves the bytes that wait for the peer into `target`, if it is exactly as long; returns how many
 * there are.
 */
export declare function takeOutput(id: number, target: Buffer): number
