/**
 * Sessions in Redis (6.2 or later) or Valkey: one server, Sentinel or Cluster, through a connected client of node-redis
 * or ioredis that the user passes in and closes. What this store never does: KEYS, a transaction, a blocking command on
 * the user's connection, a read from a replica.
 *
 * Keys, where tag = the first five characters of the id or of the owner's hash, which an owner's sessions share:
 *
 *   <prefix>{tag}:s:<id>      string, a record or a marker (bytes: redis/layout.ts)
 *   <prefix>{tag}:o:<owner>   sorted set, the ids of the owner's sessions, in order of creation
 *   <prefix>{tag}:m:<owner>   string, when everything of the owner was ended
 *
 * Commands: `read` is one GET; every other method is one EVALSHA of a script in redis/lua (EVAL when the server has
 * forgotten it), and so atomic, in a cluster too, since its keys share a slot. The one exception: `replace` in a cluster
 * between sessions with different tags, as a sign-in is, takes three to four commands in the order that
 * redis/replace-in-steps.ts gives. On any answer but `replaced` nothing is left behind there either.
 *
 * `scan` is SCAN, INFO and GETs (redis/scan.ts); `waitForReplicas` adds WAIT to an end (redis/replicas.ts).
 * `watch` is client tracking on connections of its own: GET, HELLO, CLIENT TRACKING, and in a cluster CLUSTER INFO
 * (redis/watch).
 *
 * Expiry is the server's: every key has PEXPIREAT, a minute behind its deadline, so that a server whose clock is a
 * little ahead drops nothing early. A marker goes at `keepUntil`, an index after the last of its sessions.
 *
 * Faults are the client's to find and are passed on as rejections. A client that queues while it is offline answers
 * late or never; the deadline on store calls is above this store.
 */
import { type Duration, durationMs } from '../core/duration.js';
import { describe, SessionError } from '../core/errors.js';
import type { OwnerHash, SessionId, Version } from '../core/ids.js';
import { takeOptions } from '../core/options.js';
import type {
  CreateResult,
  Ended,
  Ending,
  OwnerIndexed,
  Owning,
  ReplaceResult,
  Scannable,
  SessionStore,
  StoredEntry,
  StoredRecord,
  UpdateResult,
  Watch,
  Watchable,
} from '../core/store.js';
import { admissionArguments } from './redis/admission.js';
import type { RedisClient } from './redis/clients.js';
import { faultOf } from './redis/faults.js';
import {
  bufferOf,
  buffersOf,
  decode,
  decodeEntries,
  decodeOutcome,
  encodeMarker,
  encodeRecord,
  Keys,
  tagIn,
  tagOf,
} from './redis/layout.js';
import { RedisPort } from './redis/port.js';
import { replaceInSteps } from './redis/replace-in-steps.js';
import { type Quorum, ReplicatedEnds } from './redis/replicas.js';
import { scanPage } from './redis/scan.js';
import { type Fleet, unlessAborted } from './redis/watch/link.js';
import { openWatch, openWithinMs } from './redis/watch/watch.js';

export type {
  IoredisClient,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  RedisClient,
} from './redis/clients.js';

export interface RedisStoreOptions {
  /** A connected client of node-redis 6 or ioredis 6; it stays the caller's to close. It must ask primaries only. */
  readonly client: RedisClient;
  /** Begins every key, so that several apps can share a server. At most 128 characters, no braces. Default `'holdfast:'`. */
  readonly prefix?: string | undefined;
  /**
   * Ending sessions (sign-out, destroy, revocation) waits until so many replicas of the primary have the end, and rejects
   * with ERR_SESSION_STORE_UNREPLICATED if they do not within `timeout` (default `'500ms'`, at most `'10s'`; keep it below
   * `storeDeadline`). It makes it unlikely, not impossible, that a failover brings an ended session back: Redis may
   * promote a replica that was not among them. A session that a sign-in replaced is not waited for. Default: none.
   */
  readonly waitForReplicas?: { readonly replicas: number; readonly timeout?: Duration | undefined } | undefined;
}

export interface RedisStore extends SessionStore, OwnerIndexed, Partial<Watchable & Scannable> {
  read(id: SessionId): Promise<StoredRecord | Ended | undefined>;
  listByOwner(owner: OwnerHash): Promise<readonly StoredEntry[]>;
}

/**
 * Keeps sessions in Redis. Throws ERR_SESSION_OPTION for an option that it does not know or can't use. Methods reject
 * with ERR_SESSION_STORE_FULL when the server has reached `maxmemory`, with ERR_SESSION_RECORD_UNREADABLE for a value
 * of a newer release, and with the client's own error for every other fault.
 */
export function redisStore(options: RedisStoreOptions): RedisStore {
  const {
    client,
    prefix = 'holdfast:',
    waitForReplicas,
  } = takeOptions<RedisStoreOptions>(options, ['client', 'prefix', 'waitForReplicas'], 'redisStore');
  if (typeof prefix !== 'string' || prefix.length > 128 || /[{}]/.test(prefix)) {
    throw new SessionError(
      'ERR_SESSION_OPTION',
      `redisStore: prefix: expected at most 128 characters without braces, got ${describe(prefix)}. Braces choose a key's slot in a cluster.`,
    );
  }
  const port = new RedisPort(client);
  const quorum = waitForReplicas === undefined ? undefined : quorumOf(waitForReplicas);
  if (port.fleet) return new FullRedis(port, port.fleet, new Keys(prefix), quorum);
  if (!quorum) return new Redis(port, new Keys(prefix));
  throw new SessionError(
    'ERR_SESSION_OPTION',
    'redisStore: waitForReplicas: the client gives no connections of its own, which it needs. Pass a client of node-redis or ioredis itself.',
  );
}

class Redis implements RedisStore {
  readonly name = 'redis';
  readonly networked = true;
  protected readonly port: RedisPort;
  protected readonly keys: Keys;

  constructor(port: RedisPort, keys: Keys) {
    this.port = port;
    this.keys = keys;
  }

  async create(id: SessionId, record: StoredRecord, owning?: Owning): Promise<CreateResult> {
    const args = [encodeRecord(record), ...admissionArguments(record, owning)];
    const reply = await this.#run('create', [this.keys.session(id), ...this.#ownerKeys(record)], args);
    return decodeOutcome(reply) as CreateResult;
  }

  async read(id: SessionId): Promise<StoredRecord | Ended | undefined> {
    const value = await this.port.get(this.keys.session(id)).catch(tornOr);
    return value === null ? undefined : decode(bufferOf(value));
  }

  async update(
    id: SessionId,
    { bytes, version, idleDeadline }: StoredRecord,
    expected: Version,
  ): Promise<UpdateResult> {
    const value = encodeRecord({ bytes, version, idleDeadline });
    return decodeOutcome(await this.#run('update', [this.keys.session(id)], [value, expected])) as UpdateResult;
  }

  async touch(id: SessionId, idleDeadline: number): Promise<'touched' | 'gone'> {
    const reply = await this.#run('touch', [this.keys.session(id)], [String(idleDeadline)]);
    return decodeOutcome(reply) as 'touched' | 'gone';
  }

  async end(id: SessionId, ending: Ending): Promise<boolean> {
    const args = [encodeMarker(ending), String(ending.keepUntil)];
    return decodeOutcome(await this.ending('end', [this.keys.session(id)], args)) === 'ended';
  }

  async replace(
    oldId: SessionId,
    expected: Version,
    id: SessionId,
    record: StoredRecord,
    ending: Ending,
    owning?: Owning,
  ): Promise<ReplaceResult> {
    const value = encodeRecord(record);
    if (this.port.cluster && tagOf(oldId) !== tagOf(id)) {
      const call = { oldId, expected, id, record, value, ending, owning };
      return replaceInSteps(this.port, this.keys, call).catch(rethrow);
    }
    const keys = [this.keys.session(oldId), this.keys.session(id), ...this.#ownerKeys(record)] as const;
    const args = [
      value,
      expected,
      encodeMarker(ending),
      String(ending.keepUntil),
      ...admissionArguments(record, owning),
    ];
    return decodeOutcome(await this.#run('replace', keys, args)) as ReplaceResult;
  }

  async listByOwner(owner: OwnerHash): Promise<readonly StoredEntry[]> {
    return decodeEntries(buffersOf(await this.#run('listByOwner', [this.keys.index(owner)], [])));
  }

  async endByOwner(
    owner: OwnerHash,
    ending: Ending,
    options: { readonly except?: SessionId } = {},
  ): Promise<readonly SessionId[]> {
    const keys = [this.keys.index(owner), this.keys.mark(owner)] as const;
    const args = [String(ending.at), String(ending.keepUntil), encodeMarker(ending), options.except ?? ''];
    return buffersOf(await this.ending('endByOwner', keys, args)).map((id) => id.toString('latin1') as SessionId);
  }

  #ownerKeys({ owner }: StoredRecord): string[] {
    return owner === undefined ? [] : [this.keys.index(owner), this.keys.mark(owner)];
  }

  /** Runs a script that ends sessions. */
  protected ending(...call: Parameters<RedisPort['run']>): Promise<unknown> {
    return this.#run(...call);
  }

  #run(...call: Parameters<RedisPort['run']>): Promise<unknown> {
    return this.port.run(...call).catch(rethrow);
  }
}

/** Of a client that can be asked for more connections. */
class FullRedis extends Redis implements Watchable, Scannable {
  readonly #fleet: Fleet;
  /** Keys as the server sees them. */
  readonly #whole: Keys;
  /** What closes each watch that is open. */
  readonly #watches = new Set<() => void>();

  readonly #ends: ReplicatedEnds | undefined;

  constructor(port: RedisPort, fleet: Fleet, keys: Keys, quorum: Quorum | undefined) {
    super(port, keys);
    this.#fleet = fleet;
    this.#ends = quorum && new ReplicatedEnds(fleet, quorum);
    this.#whole = keys.behind(port.keyPrefix);
  }

  scan(cursor?: string): Promise<{ entries: readonly StoredEntry[]; cursor?: string }> {
    return scanPage(this.port, this.#whole, (id) => this.read(id), cursor);
  }

  async watch(onChange: (id: SessionId | 'all') => void): Promise<Watch> {
    // A cluster client that is still connecting knows no primaries yet; this waits for it.
    if (this.#fleet.primaries().length === 0) {
      await unlessAborted(AbortSignal.timeout(openWithinMs), this.port.get(this.keys.pattern()), () => undefined);
    }
    const watch = await openWatch(this.#fleet, this.#whole, onChange);
    const close = (): void => {
      this.#watches.delete(close);
      watch.close();
    };
    this.#watches.add(close);
    return { read: (id) => watch.read(id), heartbeat: () => watch.heartbeat(), close };
  }

  protected override async ending(...[name, keys, args]: Parameters<RedisPort['run']>): Promise<unknown> {
    const elsewhere = (): Promise<unknown> => super.ending(name, keys, args);
    if (!this.#ends) return await elsewhere();
    const whole = keys.map((key) => this.port.keyPrefix + key) as [string, ...string[]];
    return await this.#ends.run(tagIn(keys[0]), [name, whole, [...args, '1']], elsewhere).catch(rethrow);
  }

  async close(): Promise<void> {
    this.#ends?.close();
    for (const close of this.#watches) close();
  }
}

function quorumOf(value: NonNullable<RedisStoreOptions['waitForReplicas']>): Quorum {
  const what = 'redisStore: waitForReplicas';
  const { replicas, timeout = '500ms' } = takeOptions<typeof value>(value, ['replicas', 'timeout'], what);
  if (!Number.isInteger(replicas) || replicas < 1 || replicas > 100) {
    throw new SessionError(
      'ERR_SESSION_OPTION',
      `${what}: replicas: expected a whole number from 1 to 100, got ${describe(replicas)}.`,
    );
  }
  return { replicas, timeoutMs: durationMs(timeout, `${what}: timeout`, { maxMs: 10_000 }) };
}

/** A value of another type under a session's key is nobody's: not a fault, for which everybody would be turned away. */
function tornOr(error: unknown): Buffer {
  if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return Buffer.alloc(0);
  throw error;
}

function rethrow(error: unknown): never {
  throw faultOf(error);
}
