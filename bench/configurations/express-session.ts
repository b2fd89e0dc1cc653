/** express-session as its README recommends it (`resave: false`, `saveUninitialized: false`), with stores of others and ours. */
import { randomBytes } from 'node:crypto';
import { RedisStore } from 'connect-redis';
import type { Request } from 'express';
import expressSession, { type Store } from 'express-session';
import { onExpress } from '../app.js';
import { importBuilt } from '../built.js';
import type { Shape } from '../sessions.js';
import type { Configuration, StoreGauge } from './configuration.js';
import { onPostgres } from './on-postgres.js';
import { onRedis } from './on-redis.js';
import { peer } from './peer.js';

type Holdfast = typeof import('../../src/express-session/index.js');
type Redis = typeof import('../../src/stores/redis.js');

interface ConnectPgSimple {
  default(session: typeof expressSession): new (options: { pool: unknown; createTableIfMissing: boolean }) => Store;
}

/** Its types reopen Express's own; the app here keeps to one shape for every configuration. */
const sessionOf = (req: Request) => (req as unknown as { session: Partial<Shape> }).session;

interface StoreChoice {
  readonly name: string;
  readonly title: string;
  readonly packages: readonly string[];
  /** Nothing: its MemoryStore. */
  open?(): Promise<{ made: Store; store: StoreGauge; close(): Promise<void> }>;
}

function expressSessionWith({ name, title, packages, open }: StoreChoice): Configuration {
  return {
    name: `express-session-${name}`,
    title: `express-session + ${title}`,
    packages: ['express-session', ...packages],
    open: onExpress(async (app) => {
      const opened = await open?.();
      const secret = randomBytes(32).toString('base64url');
      const store = opened ? { store: opened.made } : {};
      app.use(expressSession({ secret, resave: false, saveUninitialized: false, ...store }));
      return {
        store: opened?.store,
        begin: (req, _, __, data) => void Object.assign(sessionOf(req), data),
        of: (req) => sessionOf(req),
        close: async () => opened?.close(),
      };
    }),
  };
}

export const expressSessionMemory = expressSessionWith({ name: 'memory', title: 'MemoryStore', packages: [] });

export const expressSessionConnectRedis = expressSessionWith({
  name: 'connect-redis',
  title: 'connect-redis',
  packages: ['connect-redis', 'redis'],
  open: () => onRedis((client) => new RedisStore({ client })),
});

export const expressSessionConnectPg = expressSessionWith({
  name: 'connect-pg-simple',
  title: 'connect-pg-simple',
  packages: ['connect-pg-simple', 'pg'],
  open: () =>
    onPostgres(async (pool) => {
      const { default: connectPgSimple } = await peer<ConnectPgSimple>('connect-pg-simple');
      const PgStore = connectPgSimple(expressSession);
      return new PgStore({ pool, createTableIfMissing: true });
    }),
});

export const expressSessionHoldfast = expressSessionWith({
  name: 'holdfast',
  title: 'HoldfastStore on Redis',
  packages: ['holdfast', 'redis'],
  open: () =>
    onRedis(async (client) => {
      const { HoldfastStore } = await importBuilt<Holdfast>('./express-session');
      const { redisStore } = await importBuilt<Redis>('./stores/redis');
      return new HoldfastStore({ store: redisStore({ client }), secret: randomBytes(32).toString('base64url') });
    }),
});
