/** holdfast with its defaults, from dist/, on each of its stores. Its sessions belong to people who have signed in. */
import { randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { SessionStore } from '../../src/index.js';
import { onExpress } from '../app.js';
import { importBuilt } from '../built.js';
import type { Shape } from '../sessions.js';
import type { Configuration, Setting, StoreGauge } from './configuration.js';
import { onMongodb } from './on-mongodb.js';
import { onPostgres } from './on-postgres.js';
import { onRedis } from './on-redis.js';

type Holdfast = typeof import('../../src/index.js');
type Lmdb = typeof import('../../src/stores/lmdb.js');
type Redis = typeof import('../../src/stores/redis.js');
type Postgres = typeof import('../../src/stores/postgres.js');
type Mongodb = typeof import('../../src/stores/mongodb.js');

interface StoreChoice {
  readonly store: string;
  readonly title?: string;
  /** Where it is not the default. */
  readonly cache?: boolean;
  readonly packages: readonly string[];
  readonly note?: string;
  open(
    setting: Setting,
  ): Promise<{ readonly made: SessionStore; readonly store?: StoreGauge; close?(): Promise<void> }>;
}

/** A record of 100 KB is over the default; 1 MB is far from where any row here ends. */
const maxDataBytes = 1_000_000;

function holdfast({ store: name, title = name, cache, packages, note, open }: StoreChoice): Configuration {
  const uncached = cache === false;
  return {
    name: `holdfast-${name}${uncached ? '-uncached' : ''}`,
    title: `holdfast, ${title}${uncached ? ', cache off' : ''}`,
    packages: ['holdfast', ...packages],
    ...(note !== undefined && { note }),
    open: onExpress(async (app, setting) => {
      const { session, sessionOf } = await importBuilt<Holdfast>('.');
      const { made, store, close } = await open(setting);
      const secret = randomBytes(32).toString('base64url');
      const large = setting.recordBytes > 32_768 ? { maxDataBytes } : {};
      const sessions = session({ secret, store: made, cache, ...large });
      app.use(sessions);
      return {
        store,
        async begin(req, _, owner, data) {
          const own = sessionOf<Shape>(req);
          await own.signIn(owner);
          Object.assign(own, data);
        },
        of: (req) => sessionOf<Shape>(req),
        async close() {
          await sessions.close();
          await close?.();
        },
      };
    }),
  };
}

export const holdfastMemory = holdfast({
  store: 'memory',
  packages: [],
  open: async ({ recordBytes }) => {
    const { memoryStore } = await importBuilt<Holdfast>('.');
    return { made: recordBytes > 32_768 ? memoryStore({ maxBytes: 4 * 2 ** 30 }) : memoryStore() };
  },
});

/** What the files in it take on the disk. */
export const bytesIn = (folder: string): number =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).blocks * 512, 0);

export const holdfastLmdb = holdfast({
  store: 'lmdb',
  packages: ['lmdb'],
  open: async ({ folder }) => ({
    made: (await importBuilt<Lmdb>('./stores/lmdb')).lmdbStore({ path: folder }),
    store: { bytes: async () => bytesIn(folder) },
  }),
});

const redis = {
  store: 'redis',
  title: 'Redis',
  packages: ['redis'],
  open: () => onRedis(async (client) => (await importBuilt<Redis>('./stores/redis')).redisStore({ client })),
};

/** With its default there, the cache. */
export const holdfastRedis = holdfast(redis);
export const holdfastRedisUncached = holdfast({ ...redis, cache: false });

const postgres = {
  store: 'postgres',
  title: 'PostgreSQL',
  packages: ['pg'],
  open: () =>
    onPostgres(async (pool, connectionString) => {
      const { postgresStore } = await importBuilt<Postgres>('./stores/postgres');
      return postgresStore({ pool, listen: () => new pg.Client({ connectionString }) });
    }),
};

/** With `listen`, as its page shows it: then there is a cache. */
export const holdfastPostgres = holdfast(postgres);
export const holdfastPostgresUncached = holdfast({ ...postgres, cache: false });

export const holdfastMongodb = holdfast({
  store: 'mongodb',
  title: 'MongoDB protocol',
  packages: ['mongodb'],
  note: "on the server that `npm run services` puts in place, mongo-java-server where there is no mongod: its times are not MongoDB's",
  open: () =>
    onMongodb(async (db) => {
      const store = (await importBuilt<Mongodb>('./stores/mongodb')).mongodbStore({ db });
      await store.ready();
      return store;
    }),
});
