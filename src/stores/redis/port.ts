/**
 * What we ask of a client: one command, to the primary that owns a key, with every string of the answer as a Buffer.
 * node-redis and ioredis are told apart by their methods; neither is imported.
 */
import { createHash } from 'node:crypto';
import { describe, SessionError } from '../../core/errors.js';
import { type ScriptName, scriptNames, sourceOf } from './scripts.gen.js';
import {
  type IoredisClusterConnections,
  type IoredisConnection,
  ioredisClusterFleet,
  ioredisFleet,
} from './watch/ioredis.js';
import type { Fleet } from './watch/link.js';
import {
  type NodeRedisClusterConnections,
  type NodeRedisConnection,
  nodeRedisClusterFleet,
  nodeRedisFleet,
} from './watch/node-redis.js';

export type Argument = string | Buffer;

/** ioredis: `Redis`, also through Sentinel, or `Cluster`. */
export interface IoredisClient {
  readonly isCluster: boolean;
  callBuffer(command: string, ...args: Argument[]): Promise<unknown>;
}

/** node-redis: what `createClient` or `createClientPool` made. */
export interface NodeRedisClient {
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

interface NodeRedisOptions {
  readonly typeMapping?: { readonly 36?: typeof Buffer };
}

export type RedisClient = IoredisClient | NodeRedisClient | NodeRedisSentinel | NodeRedisCluster;

type Send = (key: string, args: Argument[]) => Promise<unknown>;

/** RESP's type byte of a string of any length, `$`. */
const buffers: NodeRedisOptions = { typeMapping: { 36: Buffer } };

const digests = Object.fromEntries(
  scriptNames.map((name) => [name, createHash('sha1').update(sourceOf(name)).digest('hex')]),
) as Record<ScriptName, string>;

export class RedisPort {
  /** True where keys with different tags may lie on different servers. */
  readonly cluster: boolean;
  /** Undefined for a client that can't be duplicated. */
  readonly fleet: Fleet | undefined;
  readonly #send: Send;

  constructor(client: unknown) {
    this.cluster = isCluster(client);
    this.#send = sender(client);
    this.fleet = fleetOf(client as object);
  }

  get(key: string): Promise<unknown> {
    return this.#send(key, ['GET', key]);
  }

  /** One command once the server knows the script; it forgets them all when it restarts. */
  async run(name: ScriptName, keys: readonly [string, ...string[]], args: readonly Argument[]): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.#send(keys[0], ['EVALSHA', digests[name], ...rest]);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return await this.#send(keys[0], ['EVAL', sourceOf(name), ...rest]);
    }
  }
}

const has = (client: object, method: string): boolean => typeof Reflect.get(client, method) === 'function';

const isIoredis = (client: object): client is IoredisClient =>
  has(client, 'callBuffer') && typeof Reflect.get(client, 'isCluster') === 'boolean';
const isNodeCluster = (client: object): client is NodeRedisCluster =>
  has(client, 'sendCommand') && has(client, 'getSlotRandomNode');
const isNodeSentinel = (client: object): client is NodeRedisSentinel =>
  has(client, 'sendCommand') && has(client, 'getMasterNode');
const isNodeClient = (client: object): client is NodeRedisClient =>
  has(client, 'sendCommand') && has(client, 'withTypeMapping');

function isCluster(client: unknown): boolean {
  return (
    typeof client === 'object' &&
    client !== null &&
    (isNodeCluster(client) || Reflect.get(client, 'isCluster') === true)
  );
}

function sender(client: unknown): Send {
  if (typeof client === 'object' && client !== null) {
    if (isIoredis(client)) {
      checkIoredis(client);
      return (_, [command, ...args]) => client.callBuffer(String(command), ...args);
    }
    if (isNodeCluster(client)) return (key, args) => client.sendCommand(key, false, args, buffers);
    if (isNodeSentinel(client)) return (_, args) => client.sendCommand(false, args, buffers);
    if (isNodeClient(client)) return (_, args) => client.sendCommand(args, buffers);
  }
  throw new SessionError(
    'ERR_SESSION_OPTION',
    `redisStore: client: expected a client of node-redis (createClient, createClientPool, createSentinel, createCluster) or of ioredis (Redis, Cluster), got ${typeof client === 'string' ? 'a string' : describe(client)}. Pass the client itself, connected.`,
  );
}

/** The client's own ways to more connections like it. */
function fleetOf(client: object): Fleet | undefined {
  if (isIoredis(client)) {
    if (client.isCluster)
      return has(client, 'nodes') ? ioredisClusterFleet(client as unknown as IoredisClusterConnections) : undefined;
    return has(client, 'duplicate') ? ioredisFleet(client as unknown as IoredisConnection) : undefined;
  }
  if (isNodeCluster(client)) return nodeRedisClusterFleet(client as unknown as NodeRedisClusterConnections);
  // A pool and a Sentinel client lend one of their connections.
  if (has(client, 'execute')) {
    const pool = client as unknown as { execute<T>(run: (member: NodeRedisConnection) => Promise<T>): Promise<T> };
    return nodeRedisFleet(() => pool.execute(async (member) => member));
  }
  if (has(client, '_execute')) {
    const sentinel = client as unknown as {
      _execute<T>(isReadonly: boolean, run: (member: NodeRedisConnection) => Promise<T>): Promise<T>;
    };
    return nodeRedisFleet(() => sentinel._execute(false, async (member) => member));
  }
  return has(client, 'duplicate') ? nodeRedisFleet(async () => client as unknown as NodeRedisConnection) : undefined;
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

function checkIoredis(client: IoredisClient): void {
  const options: unknown = Reflect.get(client, 'options');
  if (typeof options !== 'object' || options === null) return;
  for (const [option, isRefused, why] of refused) {
    if (!isRefused(Reflect.get(options, option))) continue;
    throw new SessionError('ERR_SESSION_OPTION', `redisStore: client: its option ${option} can't be used: ${why}`);
  }
}
