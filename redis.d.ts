import { EventEmitter } from 'node:events';

/** A client of the npm package `redis` (4 and newer) or `ioredis`. */
interface RedisClient {
  publish(channel: any, message: any): Promise<unknown>;
  on(event: any, listener: (...args: any[]) => void): unknown;
}

/**
 * Carries publications between processes by Redis; for `WebSocket.useTopicAdapter`. Redis keeps nothing for who is not
 * there: each publication arrives at most once.
 *
 * Events: 'disconnect' when one of the clients has lost Redis, 'connect' when both have it again, 'error'.
 */
export declare class RedisAdapter extends EventEmitter {
  /**
   * @param clients.publisher connected, and yours to close
   * @param clients.subscriber another client: one that has subscribed can do nothing else
   * @param clients.prefix of the channels' names; `faye-websocket:` when left out
   */
  constructor(clients: { publisher: RedisClient; subscriber: RedisClient; prefix?: string });
  /** Publications that other processes were not sent, because Redis could not be reached. */
  dropped: number;
  /** Settles when Redis has taken the subscription; after `useTopicAdapter`. */
  subscribed?: Promise<void>;
  publish(topic: string, bytes: Buffer): void;
  subscribe(onMessage: (topic: string, bytes: Uint8Array) => void): void;
  close(): void;
}
