/** The other ways to reach a server, each through what the store sends: a read, scripts, and keys that scripts make. */
import { randomUUID } from 'node:crypto';
import { Cluster, Redis } from 'ioredis';
import { createClient, createClientPool, createSentinel } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeEnding, makeId, makeOwner, makeOwning, makeRecord } from '../../src/stores/conformance/index.js';
import { type RedisClient, redisStore } from '../../src/stores/redis.js';
import { type RedisServer, startSentinel } from '../support/redis-server.js';
import { binary, servers } from './kit.js';
import { Watcher, walk } from './watcher.js';

async function works(client: RedisClient): Promise<void> {
  const store = redisStore({ client, prefix: `${randomUUID()}:` });
  const owner = makeOwner();
  const [anonymous, id, next] = [makeId(), makeId(owner), makeId(owner)];
  const [before, record, later] = [makeRecord(), makeRecord({ owner }), makeRecord({ owner })];
  expect(await store.create(anonymous, before)).toBe('created');
  expect(await store.replace(anonymous, before.version, id, record, makeEnding('replaced'))).toBe('replaced');
  expect(await store.read(anonymous)).toMatchObject({ ended: 'replaced' });
  expect(await store.update(id, makeRecord(), later.version)).toEqual({ conflict: record });
  expect(await store.touch(id, record.idleDeadline + 1)).toBe('touched');
  const owning = makeOwning({ limit: 1, onExceed: 'evict-oldest' });
  expect(await store.create(next, later, owning)).toBe('created');
  expect(await store.read(id)).toEqual({ ended: 'evicted', at: owning.now });
  expect(await store.listByOwner(owner)).toEqual([{ id: next, record: later }]);
  const watcher = await Watcher.of(store);
  expect(await watcher.watch.read(next)).toEqual(later);
  const walked = await walk(store);
  expect(walked.map(({ id }) => id)).toEqual([next]);
  expect(await store.endByOwner(owner, makeEnding('revoked'))).toEqual([next]);
  expect(await watcher.take()).toEqual([next]);
  await store.close?.();
}

describe.runIf(binary)('ioredis of a cluster with a prefix of its own', () => {
  const { all } = servers('cluster');
  it.each([{ keyPrefix: 'app:' }, { redisOptions: { keyPrefix: 'app:' } }])('%o', async (options) => {
    const client = new Cluster(
      all.map(({ port }) => ({ host: '127.0.0.1', port })),
      options,
    );
    client.on('error', () => undefined);
    await works(client);
    client.disconnect();
  });
});

describe.runIf(binary)('a client', () => {
  const { all } = servers('standalone');
  let sentinel: RedisServer;
  const quiet = <Client extends { on(name: 'error', listener: () => void): unknown }>(client: Client): Client => {
    client.on('error', () => undefined);
    return client;
  };
  const at = (): { host: string; port: number } => ({ host: '127.0.0.1', port: all[0]?.port ?? 0 });

  beforeAll(async () => {
    const [primary] = all;
    if (primary) sentinel = await startSentinel(binary ?? '', primary);
  });
  afterAll(() => sentinel.stop());

  it('node-redis, a pool', async () => {
    const client = quiet(createClientPool({ socket: at() }));
    await client.connect();
    await works(client);
    client.destroy();
  });

  it.each([2, 3] as const)('node-redis, RESP%i', async (RESP) => {
    const client = quiet(createClient({ socket: at(), RESP }));
    await client.connect();
    await works(client);
    client.destroy();
  });

  it('node-redis through Sentinel', async () => {
    const root = { host: '127.0.0.1', port: sentinel.port };
    const client = quiet(createSentinel({ name: 'main', sentinelRootNodes: [root] }));
    await client.connect();
    await works(client);
    await client.close();
  });

  it('ioredis through Sentinel', async () => {
    const client = quiet(new Redis({ name: 'main', sentinels: [{ host: '127.0.0.1', port: sentinel.port }] }));
    await works(client);
    client.disconnect();
  });

  it.each([{ keyPrefix: 'app:' }, { stringNumbers: true }, { showFriendlyErrorStack: true }])(
    'ioredis with %o',
    async (options) => {
      const client = quiet(new Redis({ ...at(), ...options }));
      await works(client);
      client.disconnect();
    },
  );
});
