import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import type { OwnerIndexed, Scannable, SessionStore, Sweepable } from '../../src/core/store.js';
import { lmdbStore } from '../../src/stores/lmdb.js';
import { memoryStore } from '../../src/stores/memory.js';
import { migrating as migratingStore } from '../../src/stores/migrating.js';
import { mongodbStore } from '../../src/stores/mongodb.js';
import { redisStore } from '../../src/stores/redis.js';
import { type Connected, connect, freshName, mongodb as mongodbServer, sharedMongodb } from './mongodb-server.js';
import { needs } from './needs.js';
import { startRedis } from './redis-server.js';

export type FullStore = SessionStore & OwnerIndexed & Scannable & Sweepable;

export interface StoreKind {
  readonly name: string;
  /** Opens an empty store; `remove` takes it away again. `reopen` is a second handle on the same sessions, as another process has. */
  open(): Promise<OpenStore>;
}

export interface OpenStore {
  readonly store: FullStore;
  reopen?(): FullStore;
  /** Where the sessions lie, for a test that reads them as a thief would. */
  readonly folder?: string;
  /** All that is stored, where it lies in no folder of the tests. */
  dump?(): Promise<Buffer>;
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

const redisServer = needs('redis-server');

/** A server of its own for each store: what a test asserts of all that is stored is then of its own making. */
const redis: StoreKind = {
  name: 'redis',
  async open() {
    const server = await startRedis(redisServer ?? '');
    const clients: { destroy(): void }[] = [];
    const connect = async (): Promise<FullStore> => {
      const client = createClient({ socket: { host: '127.0.0.1', port: server.port } });
      client.on('error', () => undefined);
      clients.push(client);
      await client.connect();
      const store = redisStore({ client });
      // Redis removes what has expired by itself, so there is nothing to sweep.
      return Object.assign(store, { sweep: () => 0 }) as FullStore;
    };
    const [store, again] = [await connect(), await connect()];
    return {
      store,
      reopen: () => again,
      async remove() {
        for (const client of clients) client.destroy();
        await server.stop();
      },
    };
  },
};

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
      dump: async () => Buffer.from(JSON.stringify(await first.db.collection(collection).find().toArray())),
      remove: async () => void (await first.db.dropCollection(collection)),
    };
  },
};

/** Every store that the guarantees are shown on. Later stores join this list. */
export const storeKinds: readonly StoreKind[] = [
  memory,
  lmdb,
  migrating,
  ...(redisServer ? [redis] : []),
  ...(mongodbServer ? [mongodb] : []),
];
