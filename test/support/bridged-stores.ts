/** The stores of express-session's world, the real packages on the real servers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import MongoStore from 'connect-mongo';
import connectPgSimple from 'connect-pg-simple';
import { RedisStore } from 'connect-redis';
import session, { type Store } from 'express-session';
import memorystore from 'memorystore';
import { MongoClient } from 'mongodb';
import { createClient } from 'redis';
import sessionFileStore from 'session-file-store';
import { freshName, mongodb, sharedMongodb } from './mongodb-server.js';
import { needs } from './needs.js';
import { dropSchema, freshSchema, poolOf, postgresAvailable, postgresUrl } from './postgres-schema.js';
import { type RedisServer, startRedis } from './redis-server.js';

export interface OpenBridged {
  readonly store: Store;
  /** Another handle on the same sessions, as another process has. */
  reopen?(): Store;
  /** How long the store will keep what lies under this id, in ms; where it can be asked. */
  keepsMs?(id: string): Promise<number>;
  /** All that is stored, as whoever carries it away has it. */
  dump?(): Promise<Buffer>;
  remove(): Promise<void>;
}

export interface BridgedKind {
  readonly name: string;
  open(): Promise<OpenBridged>;
}

const MemoryOfExpress: BridgedKind = {
  name: 'MemoryStore',
  async open() {
    const store = new session.MemoryStore();
    const { sessions } = store as unknown as { sessions: Record<string, string> };
    return {
      store,
      dump: async () => Buffer.from(Object.entries(sessions).flat().join('\n')),
      remove: async () => undefined,
    };
  },
};

const lru: BridgedKind = {
  name: 'memorystore',
  async open() {
    const store = new (memorystore(session))({ checkPeriod: 0 });
    return { store, remove: async () => undefined };
  },
};

const redisServer = needs('redis-server');

/** One server for the tests of a process, and a prefix for each store; the process ends it. */
let shared: Promise<RedisServer> | undefined;
let opened = 0;

export async function connectRedisTo(port: number, prefix: string): Promise<{ store: Store; end(): void }> {
  const client = createClient({ socket: { host: '127.0.0.1', port } });
  client.on('error', () => undefined);
  await client.connect();
  return { store: new RedisStore({ client, prefix }), end: () => client.destroy() };
}

const redis: BridgedKind = {
  name: 'connect-redis',
  async open() {
    shared ??= startRedis(redisServer ?? '');
    const server = await shared;
    const prefix = `test-${opened++}:`;
    const first = await connectRedisTo(server.port, prefix);
    const second = await connectRedisTo(server.port, prefix);
    return {
      store: first.store,
      reopen: () => second.store,
      keepsMs: async (id) => Number(await server.command('PTTL', prefix + id)),
      async dump() {
        const keys = (await server.command('KEYS', `${prefix}*`)) as string[];
        const values = await Promise.all(keys.map((key) => server.command('GET', key)));
        return Buffer.from([...keys, ...values].join('\n'));
      },
      async remove() {
        first.end();
        second.end();
      },
    };
  },
};

export async function stopSharedRedis(): Promise<void> {
  await (await shared)?.stop();
  shared = undefined;
}

let mongo: Promise<MongoClient> | undefined;

const mongodbKind: BridgedKind = {
  name: 'connect-mongo',
  async open() {
    mongo ??= sharedMongodb().then((url) => new MongoClient(url).connect());
    const client = await mongo;
    const collectionName = freshName();
    const make = () => MongoStore.create({ client, dbName: 'bridged', collectionName });
    return {
      store: make(),
      reopen: make,
      async keepsMs(id) {
        const found = await client
          .db('bridged')
          .collection(collectionName)
          .findOne({ _id: id as never });
        return Number(found?.expires) - Date.now();
      },
      remove: async () =>
        void (await client
          .db('bridged')
          .collection(collectionName)
          .drop()
          .catch(() => undefined)),
    };
  },
};

const postgres: BridgedKind = {
  name: 'connect-pg-simple',
  async open() {
    const pool = poolOf(await postgresUrl());
    const schemaName = freshSchema();
    await pool.query(`CREATE SCHEMA "${schemaName}"`);
    const PgStore = connectPgSimple(session);
    const make = () => new PgStore({ pool, schemaName, createTableIfMissing: true, pruneSessionInterval: false });
    const store = make();
    return {
      store,
      async keepsMs(id) {
        const { rows } = await pool.query(`SELECT expire FROM "${schemaName}".session WHERE sid = $1`, [id]);
        return Number(rows[0]?.expire) - Date.now();
      },
      async remove() {
        await store.close();
        await dropSchema(pool, schemaName);
        await pool.end();
      },
    };
  },
};

const files: BridgedKind = {
  name: 'session-file-store',
  async open() {
    const path = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
    const FileStore = sessionFileStore(session);
    // `retries`: it looks again for a file that is not there, and half a second passes before a session can begin.
    const make = () => new FileStore({ path, retries: 0, reapInterval: -1, logFn: () => undefined });
    return { store: make(), reopen: make, remove: async () => rmSync(path, { recursive: true, force: true }) };
  },
};

export const bridgedKinds: readonly BridgedKind[] = [
  MemoryOfExpress,
  lru,
  files,
  ...(redisServer ? [redis] : []),
  ...(mongodb ? [mongodbKind] : []),
  ...(postgresAvailable ? [postgres] : []),
];
