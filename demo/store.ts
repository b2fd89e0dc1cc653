/**
 * Where the demo keeps its sessions: one branch for each store. By default in a folder of this machine (`DEMO_DATA`,
 * `.data`); several processes, on several machines, share a server that is named by its URL.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import type { SessionStore } from 'holdfast';
import { lmdbStore } from 'holdfast/stores/lmdb';

export interface Chosen {
  readonly store: SessionStore;
  /** Closes what was opened for the store: its client is ours, not the store's. */
  close(): Promise<unknown> | unknown;
}

/** The variable that chooses each server, and what opens it. */
const servers: Readonly<Record<string, (url: string) => Promise<Chosen>>> = {
  REDIS_URL: openRedis,
  DATABASE_URL: openPostgres,
  MONGODB_URL: openMongodb,
};

export async function chooseStore(env: NodeJS.ProcessEnv): Promise<Chosen> {
  const named = Object.keys(servers).filter((variable) => env[variable]);
  if (named.length > 1)
    throw new Error(`${named.join(' and ')} are set, and sessions can be in one place only. Set one.`);
  const [variable = ''] = named;
  const open = servers[variable];
  if (!open) return { store: lmdbStore({ path: join(env.DEMO_DATA ?? '.data', 'sessions') }), close: () => undefined };
  try {
    return await open(env[variable] ?? '');
  } catch (error) {
    // Without the URL, which may hold a password.
    throw new Error(`${variable} can't be used: ${error instanceof Error ? error.message : 'unknown error'}`);
  }
}

async function openRedis(url: string): Promise<Chosen> {
  const [{ createClient }, { redisStore }] = await Promise.all([import('redis'), import('holdfast/stores/redis')]);
  // Without the queue a request fails while Redis is away, instead of waiting for it.
  const client = createClient({ url, disableOfflineQueue: true, socket: { reconnectStrategy: 200 } });
  let said = '';
  client.on('error', ({ message, code }: Error & { code?: string }) => {
    const now = message || code || 'no connection';
    if (now !== said) console.error(`Redis: ${now}`);
    said = now;
  });
  client.on('ready', () => {
    said = '';
  });
  // Up or down, the demo starts: its public pages need no session.
  const settled = Promise.race([once(client, 'ready'), once(client, 'error')]).catch(() => undefined);
  client.connect().catch(() => undefined);
  await settled;
  return { store: redisStore({ client }), close: () => client.destroy() };
}

async function openMongodb(url: string): Promise<Chosen> {
  const [{ MongoClient }, { mongodbStore }] = await Promise.all([import('mongodb'), import('holdfast/stores/mongodb')]);
  // Without limits the driver waits 30 s for a server, and for its answers for ever. It connects when it is first used.
  const limits = { serverSelectionTimeoutMS: 1_500, connectTimeoutMS: 1_500, socketTimeoutMS: 2_000 };
  const client = new MongoClient(url, limits);
  return { store: mongodbStore({ db: client.db() }), close: () => client.close() };
}

async function openPostgres(url: string): Promise<Chosen> {
  if (!/^postgres(?:ql)?:\/\//.test(url)) throw new Error('it does not begin with postgres://');
  const [{ default: pg }, { postgresStore }] = await Promise.all([import('pg'), import('holdfast/stores/postgres')]);
  const pool = new pg.Pool({ connectionString: url, connectionTimeoutMillis: 2_000 });
  const say = ({ message, code }: Error & { code?: string }): void =>
    console.error(`PostgreSQL: ${message || code || 'no connection'}`);
  pool.on('error', say);
  // Up or down, the demo starts: its public pages need no session.
  await pool.query('SELECT 1').catch(say);
  return { store: postgresStore({ pool }), close: () => pool.end() };
}
