/** The clients that the store takes, by the methods that it needs of each: neither library is imported. */
import { SessionError } from '../../core/errors.js';

export type Argument = string | Buffer;

/** ioredis: `Redis`, also through Sentinel, or `Cluster`. */
export interface IoredisClient {
  readonly isCluster: boolean;
  callBuffer(command: string, ...args: Argument[]): Promise<unknown>;
}

/** node-redis: what `createClient` or `createClientPool` made. */
export interface NodeRedisClient {
  /** Not of a pool. */
  readonly isReady?: boolean;
  sendCommand(args: Argument[], options?: NodeRedisOptions): Promise<unknown>;
}

/** node-redis: what `createSentinel` made. */
export interface NodeRedisSentinel {
  getMasterNode(): unknown;
  sendCommand(isReadonly: boolean | undefined, args: Argument[], options?: NodeRedisOptions): Promise<unknown>;
}

/** node-redis: what `createCluster` made. */
export interface NodeRedisCluster {
  getSlotRandomNode(slot: number): unknown;
  sendCommand(
    firstKey: Argument | undefined,
    isReadonly: boolean | undefined,
    args: Argument[],
    options?: NodeRedisOptions,
  ): Promise<unknown>;
}

export interface NodeRedisOptions {
  readonly typeMapping?: { readonly 36?: typeof Buffer };
}

/**
 * Buffers for replies (`$` in RESP), and not the time limit that the client was made with: that is an AbortSignal for each
 * command, which costs as much as sending it. It only takes back what was not sent yet, so who is ready to send can do
 * without; every call has the store's deadline anyway. What is sent on a link on which nothing passes stays in the client's
 * queue, with a time limit or without, until the client gives up the link (docs/stores/redis.md).
 */
export const untimed = { typeMapping: { 36: Buffer }, timeout: undefined } as const;

export type RedisClient = IoredisClient | NodeRedisClient | NodeRedisSentinel | NodeRedisCluster;

export const has = (client: object, method: string): boolean => typeof Reflect.get(client, method) === 'function';

export const isIoredis = (client: object): client is IoredisClient =>
  has(client, 'callBuffer') && typeof Reflect.get(client, 'isCluster') === 'boolean';
export const isNodeCluster = (client: object): client is NodeRedisCluster =>
  has(client, 'sendCommand') && has(client, 'getSlotRandomNode');
export const isNodeSentinel = (client: object): client is NodeRedisSentinel =>
  has(client, 'sendCommand') && has(client, 'getMasterNode');
export const isNodeClient = (client: object): client is NodeRedisClient =>
  has(client, 'sendCommand') && has(client, 'withTypeMapping');

export function isCluster(client: unknown): boolean {
  return (
    typeof client === 'object' &&
    client !== null &&
    (isNodeCluster(client) || Reflect.get(client, 'isCluster') === true)
  );
}

/** Options of ioredis under which the store would quietly do something else than it says. */
const refused: readonly [option: string, isRefused: (value: unknown) => boolean, why: string][] = [
  ['scaleReads', notPrimary, 'replicas lag: a revoked session would still be accepted. Leave it out, or at master.'],
  ['role', notPrimary, 'replicas lag: a revoked session would still be accepted. Leave it out, or at master.'],
  ['keyPrefix', (value) => /[{}]/.test(String(value)), "braces choose a key's slot in a cluster. Leave them out."],
  [
    'enableAutoPipelining',
    (value) => value === true,
    'with it, ioredis loses the name of a command that it is given by name. Pass client.duplicate({ enableAutoPipelining: false }).',
  ],
];

function notPrimary(value: unknown): boolean {
  return value !== undefined && value !== null && value !== 'master';
}

export function checkIoredis(client: IoredisClient): void {
  const options: unknown = Reflect.get(client, 'options');
  if (typeof options !== 'object' || options === null) return;
  for (const [option, isRefused, why] of refused) {
    if (!isRefused(Reflect.get(options, option))) continue;
    throw new SessionError('ERR_SESSION_OPTION', `redisStore: client: its option ${option} can't be used: ${why}`);
  }
}

/** node-redis leaves keys alone in commands that are sent as they are; ioredis does not. */
export function keyPrefixOf(client: object): string {
  const options: unknown = Reflect.get(client, 'options');
  if (typeof options !== 'object' || options === null) return '';
  const prefix: unknown = Reflect.get(options, 'keyPrefix');
  return typeof prefix === 'string' || Buffer.isBuffer(prefix) ? String(prefix) : '';
}
