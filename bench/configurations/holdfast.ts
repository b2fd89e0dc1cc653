/** holdfast with its defaults, from dist/, on each of its stores. Its sessions belong to people who have signed in. */
import { randomBytes } from 'node:crypto';
import type { SessionStore } from '../../src/index.js';
import { importBuilt } from '../built.js';
import type { Shape } from '../sessions.js';
import type { Configuration, Setting } from './configuration.js';

type Holdfast = typeof import('../../src/index.js');
type Lmdb = typeof import('../../src/stores/lmdb.js');

interface StoreChoice {
  readonly store: string;
  readonly packages: readonly string[];
  open(setting: Setting): Promise<SessionStore>;
}

function holdfast({ store, packages, open }: StoreChoice): Configuration {
  return {
    name: `holdfast-${store}`,
    title: `holdfast, ${store} store`,
    packages: ['holdfast', ...packages],
    async install(app, setting) {
      const { session, sessionOf } = await importBuilt<Holdfast>('.');
      const sessions = session({ secret: randomBytes(32).toString('base64url'), store: await open(setting) });
      app.use(sessions);
      return {
        async begin(req, _, owner, data) {
          const own = sessionOf<Shape>(req);
          await own.signIn(owner);
          Object.assign(own, data);
        },
        of: (req) => sessionOf<Shape>(req),
        close: () => sessions.close(),
      };
    },
  };
}

export const holdfastMemory = holdfast({
  store: 'memory',
  packages: [],
  open: async () => (await importBuilt<Holdfast>('.')).memoryStore(),
});

export const holdfastLmdb = holdfast({
  store: 'lmdb',
  packages: ['lmdb'],
  open: async ({ folder }) => (await importBuilt<Lmdb>('./stores/lmdb')).lmdbStore({ path: folder }),
});
