import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open as openLmdb } from 'lmdb';
import pg from 'pg';
import type { SessionId } from '../../src/core/ids.js';
import type { OwnerIndexed, Scannable, SessionStore, Sweepable } from '../../src/core/store.js';
import { lmdbStore } from '../../src/stores/lmdb.js';
import { memoryStore } from '../../src/stores/memory.js';
import { migrating as migratingStore } from '../../src/stores/migrating.js';
import { mongodbStore } from '../../src/stores/mongodb.js';
import { postgresStore } from '../../src/stores/postgres.js';
import { type RedisClient, redisStore } from '../../src/stores/redis.js';
import { type Connected, connect, freshName, mongodb as mongodbServer, sharedMongodb } from './mongodb-server.js';
import { needs } from './needs.js';
import { dropSchema, freshSchema, poolOf, postgresAvailable, postgresUrl } from './postgres-schema.js';
import { connectRedis, type RedisConnections } from './redis-clients.js';

export type FullStore = SessionStore & OwnerIndexed & Scannable & Sweepable;

export interface StoreKind {
  readonly name: string;
  /** Its apps answer safe requests from memory: it pushes its changes, and the cache is on. Default false. */
  readonly cached?: true;
  /**
   * Opens an empty store; `remove` takes it away again. `reopen` is a second handle on the same sessions, as another
   * process has. With `pushes`, one that has to be set up for it pushes its changes.
   */
  open(options?: { readonly pushes?: boolean }): Promise<OpenStore>;
}

export interface OpenStore {
  readonly store: FullStore;
  reopen?(): FullStore;
  /** Where the sessions lie, for a test that reads them as a thief would. */
  readonly folder?: string;
  /** All that is stored, where it lies in no folder of the tests. */
  dump?(): Promise<Buffer>;
  /** What somebody who writes to the server itself can leave under a session's id, by name; `other` is another session's. */
  readonly damage?: Readonly<Record<string, (id: SessionId, other: SessionId) => Promise<unknown>>>;
  remove(): Promise<void>;
}

const memory: StoreKind = {
  name: 'memory',
  async open() {
    const store = memoryStore();
    return { store, remove: async () => void (await store.close?.()) };
  },
};

const lmdb: StoreKind = {
  name: 'lmdb',
  async open() {
    const path = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
    const opened = [lmdbStore({ path })];
    return {
      store: opened[0] as FullStore,
      folder: path,
      damage: lmdbDamage(path),
      reopen() {
        const again = lmdbStore({ path });
        opened.push(again);
        return again;
      },
      async remove() {
        for (const store of opened) await store.close?.();
        rmSync(path, { recursive: true, force: true });
      },
    };
  },
};

function lmdbDamage(path: string): NonNullable<OpenStore['damage']> {
  const put = async (id: SessionId, change: (value: Buffer) => Buffer): Promise<void> => {
    const root = openLmdb<Buffer, string>({ path, noSubdir: false, encoding: 'binary', maxDbs: 8, maxReaders: 1024 });
    const sessions = root.openDB<Buffer, string>({ name: 'sessions', encoding: 'binary' });
    await sessions.put(id, change(Buffer.from(sessions.get(id) ?? [])));
    await root.close();
  };
  return {
    'cut after its head': (id) => put(id, (value) => value.subarray(0, 20)),
    'cut inside its head': (id) => put(id, (value) => value.subarray(0, 3)),
    'cut after its deadline': (id) => put(id, (value) => value.subarray(0, 27)),
    'a form of a newer release': (id) => put(id, (value) => Buffer.concat([Buffer.of(9), value.subarray(1)])),
    JSON: (id) => put(id, () => Buffer.from('{"cookie":{"originalMaxAge":"x"},"user":"ada"}')),
  };
}

const redisServer = needs('redis-server');

function redisDamage(prefix: string, command: RedisConnections['command']): NonNullable<OpenStore['damage']> {
  const keyOf = (id: SessionId) => `${prefix}{${id.slice(0, 5)}}:s:${id}`;
  const set = async (id: SessionId, change: (value: Buffer) => Buffer) =>
    command('SET', keyOf(id), change((await command('GET', keyOf(id))) as Buffer));
  const instead = async (id: SessionId, name: string, ...args: string[]) => {
    await command('DEL', keyOf(id));
    await command(name, keyOf(id), ...args);
  };
  return {
    'a list': (id) => instead(id, 'RPUSH', 'a', 'b'),
    'a hash': (id) => instead(id, 'HSET', '__proto__', '{"polluted":true}'),
    'a number': (id) => set(id, () => Buffer.from('42')),
    'cut inside its head': (id) => set(id, (value) => value.subarray(0, 15)),
    'cut after its head': (id) => set(id, (value) => value.subarray(0, 47)),
    'a marker cut short': (id) => set(id, () => Buffer.of(3, 0)),
    'a form of a newer release': (id) => set(id, (value) => Buffer.concat([Buffer.of(9), value.subarray(1)])),
    "another session's value": async (id, other) => {
      const value = (await command('GET', keyOf(other))) as Buffer;
      await set(id, () => value);
    },
    JSON: (id) => set(id, () => Buffer.from('{"cookie":{"originalMaxAge":"x"},"user":"ada"}')),
    '10 MB': (id) => set(id, (value) => Buffer.concat([value, Buffer.alloc(10 * 1024 * 1024)])),
  };
}

/** One server, or cluster, and its clients for all tests of a process, which they end with; a prefix for each store. */
function redisBy(name: string, way?: string): StoreKind {
  let connections: Promise<RedisConnections> | undefined;
  return {
    name,
    async open() {
      connections ??= connectRedis(redisServer ?? '', way);
      const { first, second, command } = await connections;
      const prefix = `${freshName()}:`;
      // Redis removes what has expired by itself, so there is nothing to sweep.
      const storeOf = (client: RedisClient): FullStore =>
        Object.assign(redisStore({ client, prefix }), { sweep: () => 0 }) as FullStore;
      const [store, again] = [storeOf(first), storeOf(second)];
      return {
        store,
        damage: redisDamage(prefix, command),
        reopen: () => again,
        remove: async () => undefined,
      };
    },
  };
}

const redis = redisBy('redis');

/**
 * In the middle of a switch: sessions begin in the old store, on an instance that prepares, and are used on one that
 * moves, so that every test meets moves.
 */
const migrating: StoreKind = {
  name: 'migrating',
  async open() {
    const [from, to] = [memoryStore(), memoryStore()];
    const handle = (): FullStore => {
      const preparing = migratingStore({ from, to, phase: 'prepare' });
      const moving = migratingStore({ from, to }) as FullStore;
      return new Proxy(moving, {
        get(target, name) {
          const begins = name === 'create' || name === 'replace';
          const store = begins ? preparing : target;
          const member: unknown = Reflect.get(store, name);
          return typeof member === 'function' ? member.bind(store) : member;
        },
      });
    };
    return { store: handle(), reopen: handle, remove: async () => undefined };
  },
};

let mongodbClients: Promise<readonly [Connected, Connected]> | undefined;

function mongodbDamage(change: (id: SessionId, fields: object) => Promise<unknown>): NonNullable<OpenStore['damage']> {
  const set = (fields: object) => (id: SessionId) => change(id, { $set: fields });
  return {
    'text for bytes': set({ bytes: 'text' }),
    'a document for bytes': set({ bytes: { constructor: { prototype: { polluted: true } } } }),
    'no bytes': (id) => change(id, { $unset: { bytes: '' } }),
    'a number for a version': set({ version: 5 }),
    'text for a deadline': set({ idleDeadline: 'tomorrow' }),
    'no number for a deadline': set({ idleDeadline: Number.NaN }),
    'a kind of a newer release': set({ kind: 'later' }),
    'fields of somebody else': set({ cookie: { originalMaxAge: 'x' }, kind: 'web' }),
  };
}

/** One server and two clients for all tests of a process, which they end with; a collection for each store. */
const mongodb: StoreKind = {
  name: 'mongodb',
  async open() {
    mongodbClients ??= sharedMongodb().then(async (url) => [await connect(url), await connect(url)]);
    const [first, second] = await mongodbClients;
    const collection = freshName();
    const store = mongodbStore({ db: first.db, collection });
    await store.ready();
    return {
      store,
      reopen: () => mongodbStore({ db: second.db, collection }),
      damage: mongodbDamage((id, fields) => first.db.collection(collection).updateOne({ _id: id as never }, fields)),
      dump: async () => Buffer.from(JSON.stringify(await first.db.collection(collection).find().toArray())),
      remove: async () => void (await first.db.dropCollection(collection)),
    };
  },
};

let pools: Promise<readonly [pg.Pool, pg.Pool]> | undefined;

/** Two pools for all tests of a process, as of two processes, which they end with; a schema for each store. */
const postgres: StoreKind = {
  name: 'postgres',
  async open({ pushes = false } = {}) {
    pools ??= postgresUrl().then((url) => [poolOf(url), poolOf(url)]);
    const [first, second] = await pools;
    const schema = freshSchema();
    // On a busy machine a crowd waits for a connection for longer than the default.
    const connectionString = await postgresUrl();
    const listen = pushes ? () => new pg.Client({ connectionString }) : undefined;
    const options = { schema, queryTimeout: '30s', listen };
    const [store, again] = [postgresStore({ pool: first, ...options }), postgresStore({ pool: second, ...options })];
    // Each makes sure of the schema at its first call, which is not to be a call of the test.
    await store.scan();
    await again.scan();
    return {
      store,
      reopen: () => again,
      async dump() {
        const tables = ['sessions', 'sessions_owners'].map((table) =>
          first.query(`SELECT * FROM "${schema}"."${table}"`),
        );
        return Buffer.from(JSON.stringify((await Promise.all(tables)).map(({ rows }) => rows.map(printed))));
      },
      async remove() {
        await store.close?.();
        await again.close?.();
        await dropSchema(first, schema);
      },
    };
  },
};

const printed = (row: object): object =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString('hex') : value]),
  );

const present: readonly StoreKind[] = [
  memory,
  lmdb,
  migrating,
  ...(redisServer ? [redis] : []),
  ...(postgresAvailable ? [postgres] : []),
  ...(mongodbServer ? [mongodb] : []),
];

/** Some of them, by name with commas between; for a run that is about something else than stores. */
const asked = process.env.HOLDFAST_TEST_STORES?.split(',');
const unknown = asked?.filter((name) => !present.some((kind) => kind.name === name)) ?? [];
// A typo must not become a skip.
if (unknown.length > 0) throw new Error(`HOLDFAST_TEST_STORES: there is no store ${unknown.join(', ')} here`);

/** Every store that the guarantees are shown on. Later stores join this list. */
export const storeKinds: readonly StoreKind[] = present.filter(({ name }) => asked?.includes(name) ?? true);

/** Beside them, for the guarantees that a memory of sessions could break. The others count and plan calls to the store. */
export const cachedKinds: readonly StoreKind[] = storeKinds
  .filter(({ name }) => name === 'redis')
  .map((kind) => ({ ...kind, name: 'redis with the cache', cached: true }));

/** Beside them, for the guarantees that a sign-in or a revocation could break: in a cluster they span several servers. */
export const clusteredKinds: readonly StoreKind[] = storeKinds
  .filter(({ name }) => name === 'redis')
  .map(() => redisBy('redis in a cluster', 'ioredis-cluster'));
