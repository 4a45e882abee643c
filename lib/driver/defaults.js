'use strict';

/** What of a driver most connections never change: it takes no memory of theirs. */
module.exports = {
  version: 'hybi-13',
  /** The DirectSocket, while the stream reads in its place; see ./aside. */
  _aside: null,
  /** The stream of messages, once somebody has asked for it. */
  _messages: null,
  /** Whether there will be no more messages. */
  _isFinished: false,
  /** Whether what has been read but not delivered is to be passed over. */
  _inputEnded: false,
  /** Whether the socket has more to write than it wants. */
  _congested: false,
  /** Plug-ins, or what is left to negotiate. */
  _extensions: null,
  /** A server's input that came before it has started. */
  _early: null,
  /** Of draft 76: whether the request has been answered, but for its body. */
  _awaitsBody: false,
  /** Headers to answer with: names and values in turn. */
  _headers: null,
  /** Frames that wait for the connection to open. */
  _queue: null,
  /** A long message that is being joined. */
  _landing: null,
  /** A long message that has been joined, until it is delivered. */
  _landed: null,
  /** The chunk that is parsed on when a message has been inflated. */
  _held: null,
  /** Chunks behind that one, or behind events whose listener threw. */
  _queued: null,
  _pingCallbacks: null,
  /** Frames of long messages that wait for the end of the turn, and their bytes. */
  _frames: null,
  _framed: 0,
  /** The first of them, if no other output goes before it. */
  _only: null,
  /** Whether a message of the chunk that is being dispatched has been answered at once. */
  _hasAnswered: false,
  /** How much may wait for the peer, where that is limited. */
  _backpressure: null,
  /** Whether what the peer sends in a second is limited, and since when nothing of it is read: milliseconds. */
  _isRated: false,
  _pausedAt: 0,
  _unsentPongs: 0,
  _lastPong: null,
  /** Where the driver is registered, see ./forgotten. */
  _registry: null,
  /** Of hybi: what leaves later than it was sent, where messages are compressed. */
  _compression: null,
};
