/** holdfast with its defaults, from dist/, on each of its stores. Its sessions belong to people who have signed in. */
import { randomBytes } from 'node:crypto';
import type { SessionStore } from '../../src/index.js';
import { importBuilt } from '../built.js';
import type { Shape } from '../sessions.js';
import type { Configuration, Setting } from './configuration.js';
import { onRedis } from './on-redis.js';

type Holdfast = typeof import('../../src/index.js');
type Lmdb = typeof import('../../src/stores/lmdb.js');
type Redis = typeof import('../../src/stores/redis.js');

interface StoreChoice {
  readonly store: string;
  /** Where it is not the default. */
  readonly cache?: boolean;
  readonly packages: readonly string[];
  open(setting: Setting): Promise<{ readonly store: SessionStore; close?(): Promise<void> }>;
}

function holdfast({ store: name, cache, packages, open }: StoreChoice): Configuration {
  const uncached = cache === false;
  return {
    name: `holdfast-${name}${uncached ? '-uncached' : ''}`,
    title: `holdfast, ${name} store${uncached ? ', every request asks it' : ''}`,
    packages: ['holdfast', ...packages],
    async install(app, setting) {
      const { session, sessionOf } = await importBuilt<Holdfast>('.');
      const { store, close } = await open(setting);
      const sessions = session({ secret: randomBytes(32).toString('base64url'), store, cache });
      app.use(sessions);
      return {
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
    },
  };
}

export const holdfastMemory = holdfast({
  store: 'memory',
  packages: [],
  open: async () => ({ store: (await importBuilt<Holdfast>('.')).memoryStore() }),
});

export const holdfastLmdb = holdfast({
  store: 'lmdb',
  packages: ['lmdb'],
  open: async ({ folder }) => ({ store: (await importBuilt<Lmdb>('./stores/lmdb')).lmdbStore({ path: folder }) }),
});

const redis = {
  store: 'redis',
  packages: ['redis'],
  open: () => onRedis(async (client) => (await importBuilt<Redis>('./stores/redis')).redisStore({ client })),
};

/** With its default there, the cache. */
export const holdfastRedis = holdfast(redis);
export const holdfastRedisUncached = holdfast({ ...redis, cache: false });
