/** Where the sessions are kept. An app needs one of these: the rest of the example is the same with each. */
import type { SessionStore } from 'holdfast';

export interface Opened {
  readonly store: SessionStore;
  close(): Promise<void>;
}

/** Several machines: `npm install redis`. */
export async function redis(url = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'): Promise<Opened> {
  const { createClient } = await import('redis');
  const { redisStore } = await import('holdfast/stores/redis');
  const client = createClient({ url });
  // Without a listener, a lost connection would end the process.
  client.on('error', (error: Error) => console.error(`redis: ${error.message}`));
  await client.connect();
  return { store: redisStore({ client }), close: async () => client.destroy() };
}

/** Several machines: `npm install mongodb`. */
export async function mongodb(url = process.env.MONGODB_URL ?? 'mongodb://127.0.0.1:27017/app'): Promise<Opened> {
  const { MongoClient } = await import('mongodb');
  const { mongodbStore } = await import('holdfast/stores/mongodb');
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 1_500, socketTimeoutMS: 2_000 });
  await client.connect();
  return { store: mongodbStore({ db: client.db() }), close: () => client.close() };
}

/** One machine, nothing to install beside the package: `npm install lmdb`. */
export async function lmdb(path = process.env.SESSIONS ?? '.data/express-session'): Promise<Opened> {
  const { lmdbStore } = await import('holdfast/stores/lmdb');
  const store = lmdbStore({ path });
  return { store, close: async () => store.close?.() };
}
