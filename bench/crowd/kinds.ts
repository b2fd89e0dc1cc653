/** The stores that are filled, each with a server of its own, and how each is filled quickly. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import type { OwnerHash, SessionId, Version } from '../../src/core/ids.js';
import type { SessionStore } from '../../src/core/store.js';
import { makeId } from '../../src/stores/conformance/index.js';
import { lmdbStore } from '../../src/stores/lmdb.js';
import { memoryStore } from '../../src/stores/memory.js';
import { mongodbStore } from '../../src/stores/mongodb.js';
import { postgresStore } from '../../src/stores/postgres.js';
import { redisStore } from '../../src/stores/redis.js';
import { findProgram, type ProgramName, programs } from '../../test/support/programs.js';
import type { StoreGauge } from '../configurations/configuration.js';
import { bytesIn } from '../configurations/holdfast.js';
import { onMongodb } from '../configurations/on-mongodb.js';
import { onPostgres } from '../configurations/on-postgres.js';
import { onRedis } from '../configurations/on-redis.js';

/** A session that is there. */
export interface Known {
  readonly id: SessionId;
  readonly owner: OwnerHash;
  version: Version;
}

export interface OpenStore extends StoreGauge {
  readonly store: SessionStore;
  /** Makes the sessions from `from` to `to` in the store's server, as `create` would; answers every `every`th. */
  fill?(from: number, to: number, every: number): Promise<Known[]>;
  /** What the store does by itself after a time, done now rather than in the middle of a measurement. */
  settle?(): Promise<void>;
  close(): Promise<void>;
}

export interface Kind {
  readonly name: string;
  /** That its server here can hold. */
  readonly most?: number;
  open(): Promise<OpenStore>;
}

export const payload = 1_000;

/** Hours, so that none expires meanwhile. */
export const lastsMs = 6 * 3_600_000;

/** Where the bundled server gets it from the harness. */
function toldWhere(name: ProgramName): void {
  process.env[programs[name].variable] = findProgram(name) ?? '';
}

/** Base64url of so many bytes that follow from a number and a word: random to an index, and known again. */
const drawn = (word: string, from: number, length: number) =>
  `translate(rtrim(encode(substring(sha256(convert_to('${word}' || n, 'UTF8')) FROM ${from} FOR ${length}), 'base64'), '='), '+/', '-_')`;

/** In the server: 200,000 rows a second or so, where calls from here make 2,000. The payload is never compressed. */
async function fillPostgres(pool: pg.Pool, from: number, to: number, every: number): Promise<Known[]> {
  const deadline = Date.now() + lastsMs;
  // As holdfast makes them: the id begins with the first four bytes of its owner.
  const drawnRows = `SELECT n, ${drawn('owner', 1, 20)} AS owner,
    translate(rtrim(encode(substring(sha256(convert_to('owner' || n, 'UTF8')) FROM 1 FOR 4)
      || substring(sha256(convert_to('id' || n, 'UTF8')) FROM 1 FOR 16), 'base64'), '='), '+/', '-_') AS id,
    ${drawn('version', 1, 8)} AS version FROM generate_series($1::int, $2::int - 1) n`;
  await pool.query(
    `WITH fresh AS MATERIALIZED (${drawnRows}), owners AS (
       INSERT INTO holdfast.sessions_owners (owner, sweep_at) SELECT owner, $3::bigint + n FROM fresh
     )
     INSERT INTO holdfast.sessions (id, version, payload, idle_deadline, sweep_at, owner)
     SELECT id, version, substring(convert_to(repeat(md5(n::text), 32), 'UTF8') FROM 1 FOR ${payload}),
       $3::bigint + n, $3::bigint + n, owner FROM fresh`,
    [from, to, deadline],
  );
  const { rows } = await pool.query<Known>(`SELECT id, owner, version FROM (${drawnRows}) s WHERE n % $3::int = 0`, [
    ...[from, to, every],
  ]);
  return rows;
}

export const kinds: readonly Kind[] = [
  {
    name: 'memory',
    async open() {
      const store = memoryStore({ maxSessions: 4_000_000, maxBytes: 16 * 2 ** 30 });
      return { store, close: async () => void (await store.close?.()) };
    },
  },
  {
    name: 'lmdb',
    async open() {
      const path = mkdtempSync(join(tmpdir(), 'holdfast-crowd-'));
      const store = lmdbStore({ path, maxBytes: 16 * 2 ** 30 });
      const close = async () => {
        await store.close?.();
        rmSync(path, { recursive: true, force: true });
      };
      return { store, bytes: async () => bytesIn(path), close };
    },
  },
  {
    name: 'redis',
    async open() {
      toldWhere('redis-server');
      const { made, store: gauge, close } = await onRedis((client) => redisStore({ client }));
      return { ...gauge, store: made, close };
    },
  },
  {
    name: 'postgres',
    async open() {
      toldWhere('postgres');
      const make = (pool: pg.Pool) => postgresStore({ pool, queryTimeout: '30s' });
      const room = ['max_wal_size=1GB', 'shared_buffers=256MB'];
      const { made, pool, store: gauge, close } = await onPostgres(make, ...room);
      // The first call makes the tables.
      await made.read(makeId());
      return {
        ...gauge,
        store: made,
        fill: (from, to, every) => fillPostgres(pool, from, to, every),
        async settle() {
          await pool.query('VACUUM (ANALYZE) holdfast.sessions');
          await pool.query('VACUUM (ANALYZE) holdfast.sessions_owners');
          await pool.query('CHECKPOINT');
        },
        close,
      };
    },
  },
  {
    name: 'mongodb',
    // mongo-java-server keeps all in a heap of 256 MB.
    most: 10_000,
    async open() {
      toldWhere('mongodb-server');
      const { made, close } = await onMongodb((db) => mongodbStore({ db }));
      return { store: made, close };
    },
  },
];
