/** What we ask of a client: one command, to the primary that owns a key, with every string of the answer as a Buffer. */
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { describe, SessionError } from '../../core/errors.js';
import {
  type Argument,
  checkIoredis,
  isCluster,
  isIoredis,
  isNodeClient,
  isNodeCluster,
  isNodeSentinel,
  keyPrefixOf,
  type NodeRedisOptions,
  untimed,
} from './clients.js';
import { isMoving } from './faults.js';
import { fleetOf } from './fleet.js';
import { type ScriptName, scriptNames, sourceOf } from './scripts.gen.js';
import type { Command, Fleet } from './watch/link.js';

type Send = (key: string, args: Argument[]) => Promise<unknown>;

/** RESP's type byte of a string of any length, `$`. */
const buffers: NodeRedisOptions = { typeMapping: { 36: Buffer } };

const movePauseMs = 50;
const movePatienceMs = 500;

const digests = Object.fromEntries(
  scriptNames.map((name) => [name, createHash('sha1').update(sourceOf(name)).digest('hex')]),
) as Record<ScriptName, string>;

export class RedisPort {
  /** True where keys with different tags may lie on different servers. */
  readonly cluster: boolean;
  /** Undefined for a client that can't be duplicated. */
  readonly fleet: Fleet | undefined;
  /** What the client itself puts before every key. */
  readonly keyPrefix: string;
  readonly #send: Send;

  constructor(client: unknown) {
    this.cluster = isCluster(client);
    this.#send = sender(client);
    this.fleet = fleetOf(client as object);
    this.keyPrefix = isIoredis(client as object) ? keyPrefixOf(client as object) : '';
  }

  /** Outside of a cluster one, which is the empty string. */
  primaries(): readonly string[] {
    return this.cluster ? (this.fleet?.primaries() ?? []) : [''];
  }

  /** To one of the primaries, whatever keys it has. */
  command(address: string, args: Argument[]): Promise<unknown> {
    return this.cluster && this.fleet ? this.fleet.send(address, args) : this.#send('', args);
  }

  get(key: string): Promise<unknown> {
    return this.#send(key, ['GET', key]);
  }

  /** Sent again for a while where it met a slot that is just moving: a slot takes milliseconds, and nothing has changed. */
  async run(name: ScriptName, keys: readonly [string, ...string[]], args: readonly Argument[]): Promise<unknown> {
    const send: Command = (command) => this.#send(keys[0], command);
    for (let waitedMs = 0; ; waitedMs += movePauseMs) {
      try {
        return await runScript(send, name, keys, args);
      } catch (error) {
        if (!isMoving(error) || waitedMs >= movePatienceMs) throw error;
      }
      await setTimeout(movePauseMs);
    }
  }
}

/** One command once the server knows the script; it forgets them all when it restarts. */
export async function runScript(
  send: Command,
  name: ScriptName,
  keys: readonly [string, ...string[]],
  args: readonly Argument[],
): Promise<unknown> {
  const rest = [String(keys.length), ...keys, ...args];
  try {
    return await send(['EVALSHA', digests[name], ...rest]);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return await send(['EVAL', sourceOf(name), ...rest]);
  }
}

function sender(client: unknown): Send {
  if (typeof client === 'object' && client !== null) {
    if (isIoredis(client)) {
      checkIoredis(client);
      return (_, [command, ...args]) => client.callBuffer(String(command), ...args);
    }
    if (isNodeCluster(client)) return (key, args) => client.sendCommand(key, false, args, buffers);
    if (isNodeSentinel(client)) return (_, args) => client.sendCommand(false, args, buffers);
    if (isNodeClient(client)) return (_, args) => client.sendCommand(args, client.isReady ? untimed : buffers);
  }
  throw new SessionError(
    'ERR_SESSION_OPTION',
    `redisStore: client: expected a client of node-redis (createClient, createClientPool, createSentinel, createCluster) or of ioredis (Redis, Cluster), got ${typeof client === 'string' ? 'a string' : describe(client)}. Pass the client itself, connected.`,
  );
}
