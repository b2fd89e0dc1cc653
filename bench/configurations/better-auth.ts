/**
 * better-auth's session lookup: `getSession` by the request's cookie, with its defaults (no cookie cache). It keeps rows
 * of users and sessions rather than data of an app, so the record is one more field of the session.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { onExpress } from '../app.js';
import type { Shape } from '../sessions.js';
import type { Configuration, StoreGauge } from './configuration.js';
import { onPostgres } from './on-postgres.js';
import { onRedis } from './on-redis.js';
import { peer } from './peer.js';

interface Context {
  readonly secret: string;
  readonly authCookies: { readonly sessionToken: { readonly name: string } };
  readonly internalAdapter: {
    createUser(user: object): Promise<{ id: string }>;
    createSession(userId: string, forget: boolean, fields: object): Promise<{ token: string }>;
  };
}

interface Auth {
  readonly $context: Promise<Context>;
  readonly api: {
    getSession(of: { headers: Headers }): Promise<{ session: { data?: string } } | null>;
    updateSession(of: { headers: Headers; body: { data: string } }): Promise<unknown>;
  };
}

interface Opened {
  readonly options: object;
  readonly store?: StoreGauge;
  close(): Promise<void>;
}

const nothing: Partial<Shape> = {};

function betterAuth(name: string, title: string, packages: readonly string[], open: () => Promise<Opened>) {
  return {
    name: `better-auth-${name}`,
    title: `better-auth, ${title}`,
    packages: ['better-auth', ...packages],
    open: onExpress(async () => {
      const { betterAuth } = await peer<{ betterAuth(options: object): Auth }>('better-auth');
      const { fromNodeHeaders } = await peer<{ fromNodeHeaders(from: IncomingHttpHeaders): Headers }>(
        'better-auth/node',
      );
      const { makeSignature } = await peer<{ makeSignature(value: string, secret: string): Promise<string> }>(
        'better-auth/crypto',
      );
      const { getMigrations } = await peer<{
        getMigrations(of: object): Promise<{ runMigrations(): Promise<void> }>;
      }>('better-auth/db/migration');
      const { options: storage, store, close } = await open();
      const options = {
        ...storage,
        secret: randomBytes(32).toString('base64url'),
        baseURL: 'http://127.0.0.1',
        telemetry: { enabled: false },
        rateLimit: { enabled: false },
        session: { additionalFields: { data: { type: 'string', required: false } } },
      };
      if ('database' in storage && typeof storage.database === 'object') {
        await (await getMigrations(options)).runMigrations();
      }
      const auth = betterAuth(options);
      const context = await auth.$context;
      return {
        store,
        async begin(_, res, owner, data) {
          const user = { email: `${owner}@example.com`, name: owner, emailVerified: true };
          const { id } = await context.internalAdapter.createUser(user);
          const { token } = await context.internalAdapter.createSession(id, false, { data: JSON.stringify(data) });
          const signed = `${token}.${await makeSignature(token, context.secret)}`;
          res.setHeader('Set-Cookie', `${context.authCookies.sessionToken.name}=${encodeURIComponent(signed)}; Path=/`);
        },
        async of(req) {
          const found = await auth.api.getSession({ headers: fromNodeHeaders(req.headers) });
          return found?.session.data === undefined ? nothing : JSON.parse(found.session.data);
        },
        async save(session, req) {
          await auth.api.updateSession({
            headers: fromNodeHeaders(req.headers),
            body: { data: JSON.stringify(session) },
          });
        },
        close,
      };
    }),
  } satisfies Configuration;
}

/** As the rows with Redis are: sessions and their users there; the database, which then is asked for nothing, in memory. */
export const betterAuthRedis = betterAuth('redis', 'Redis as its secondary storage', ['redis'], async () => {
  const { memoryAdapter } = await peer<{ memoryAdapter(tables: object): unknown }>('better-auth/adapters/memory');
  const { client, store, close } = await onRedis(() => undefined);
  const secondaryStorage = {
    get: (key: string) => client.get(key),
    set: (key: string, value: string, ttl?: number) =>
      ttl === undefined ? client.set(key, value) : client.set(key, value, { EX: ttl }),
    delete: (key: string) => client.del(key),
  };
  const database = memoryAdapter({ user: [], session: [], account: [], verification: [] });
  return { options: { database, secondaryStorage }, store, close };
});

export const betterAuthPostgres = betterAuth('postgres', 'PostgreSQL', ['pg'], async () => {
  const { pool, store, close } = await onPostgres(() => undefined);
  return { options: { database: pool }, store, close };
});
