/**
 * Where the sessions that are taken over are kept from then on: every store of ours, Redis as a cluster too, and a store
 * of express-session, bridged.
 */
import { bridged } from '../../src/express-session/bridge/face.js';
import { redisStore } from '../../src/stores/redis.js';
import { bridgedKinds, stopSharedRedis } from '../support/bridged-stores.js';
import { freshName } from '../support/mongodb-server.js';
import { needs } from '../support/needs.js';
import { connectRedis, type RedisConnections } from '../support/redis-clients.js';
import { type FullStore, type StoreKind, storeKinds } from '../support/stores.js';

const redisServer = needs('redis-server');
let connections: Promise<RedisConnections> | undefined;

/** The owner's index and the session have to share a slot there, or Redis refuses the call. */
const cluster: StoreKind = {
  name: 'redis cluster',
  async open() {
    connections ??= connectRedis(redisServer ?? '', 'node-redis-cluster');
    const { first: client } = await connections;
    const store = Object.assign(redisStore({ client, prefix: `${freshName()}:` }), { sweep: () => 0 }) as FullStore;
    return { store, remove: async () => undefined };
  },
};

const bridgedRedis: readonly StoreKind[] = bridgedKinds
  .filter(({ name }) => name === 'connect-redis')
  .map(({ name, open }) => ({
    name: `bridged ${name}`,
    async open() {
      const { store, remove } = await open();
      return { store: Object.assign(bridged(store), { sweep: () => 0 }) as unknown as FullStore, remove };
    },
  }));

/** Those that can find a person's sessions. */
export const ownerIndexed: readonly StoreKind[] = [...storeKinds, ...(redisServer ? [cluster] : [])];
export const newStores: readonly StoreKind[] = [...ownerIndexed, ...bridgedRedis];

export async function endServers(): Promise<void> {
  await (await connections)?.end();
  connections = undefined;
  await stopSharedRedis();
}
