/** An app in a process of its own over a store on a server that will fail. It handles no error but those of its client. */
import { Redis } from 'ioredis';
import { MongoClient } from 'mongodb';
import pg from 'pg';
import { createClient } from 'redis';
import { isWatchable, type SessionStore } from '../../src/core/store.js';
import type { SessionEvent } from '../../src/index.js';
import { mongodbStore } from '../../src/stores/mongodb.js';
import { postgresStore } from '../../src/stores/postgres.js';
import { redisStore } from '../../src/stores/redis.js';
import { sessionIn, startApp } from '../support/app.js';
import { everyVerb } from '../support/routes.js';

interface Opened {
  readonly store: SessionStore;
  /** Hears of every event, as an app's listener does. */
  onEvent?(event: SessionEvent): void;
}

/** As the stores' pages in docs/stores tell to set the clients up. */
const stores: Record<string, (port: number) => Promise<Opened>> = {
  async redis(port) {
    const client = createClient({
      socket: { host: '127.0.0.1', port, reconnectStrategy: 100, connectTimeout: 1_000 },
      disableOfflineQueue: true,
    });
    client.on('error', () => undefined);
    await client.connect();
    let unanswered = 0;
    return {
      store: redisStore({ client }),
      // It waits for ever on a link that a router has forgotten, and takes it for a good one.
      onEvent({ type }) {
        if (type === 'store-recovered') unanswered = 0;
        if (type !== 'store-fault' || !client.isReady || ++unanswered < 2) return;
        unanswered = 0;
        client.destroy();
        client.connect().catch(() => undefined);
      },
    };
  },
  async ioredis(port) {
    const client = new Redis({
      host: '127.0.0.1',
      port,
      lazyConnect: true,
      enableOfflineQueue: false,
      retryStrategy: () => 100,
      connectTimeout: 1_000,
      socketTimeout: 1_500,
    });
    client.on('error', () => undefined);
    await client.connect();
    return { store: redisStore({ client }) };
  },
  async postgres(port) {
    const connectionString = `postgres://postgres@127.0.0.1:${port}/postgres`;
    const pool = new pg.Pool({ connectionString, connectionTimeoutMillis: 2_000 });
    return { store: postgresStore({ pool, listen: () => new pg.Client({ connectionString }) }) };
  },
  async mongodb(port) {
    // Looks for the server's program, which the other stores do without.
    const { advised } = await import('../support/mongodb-server.js');
    const client = new MongoClient(`mongodb://127.0.0.1:${port}/app`, advised);
    await client.connect();
    const store = mongodbStore({ db: client.db() });
    await store.ready();
    return { store };
  },
};

const [kind = '', port = ''] = process.argv.slice(2);
const opened = await stores[kind]?.(Number(port));
if (!opened) throw new Error(`there is no store '${kind}'`);
const routes: Parameters<typeof startApp>[0] = (app, all) => {
  everyVerb(app, all);
  app.get('/cache', (_req, res) => res.json(all.cacheStatistics()));
  app.post('/count', async (req, res) => {
    const session = sessionIn(req);
    await session.update((data) => {
      data.count = Number(data.count ?? 0) + 1;
    });
    res.json({ count: session.count });
  });
};
const { store } = opened;
const { origin, cookieName, sessions } = await startApp(routes, {
  store,
  storeDeadline: '1s',
  cache: isWatchable(store),
});
if (opened.onEvent) sessions.on(opened.onEvent);
// For what is done before anything fails: there a busy machine has all the time that it takes.
const patient = await startApp(routes, { store, storeDeadline: '60s', cache: false });
process.send?.({ origin, cookieName, patient: { origin: patient.origin, cookieName: patient.cookieName } });
process.on('disconnect', () => process.exit(0));
