/** A walk over all sessions that can't be whole says so. */
import { randomUUID } from 'node:crypto';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeId, makeRecord } from '../../src/stores/conformance/index.js';
import { slotOf } from '../../src/stores/redis/watch/slot.js';
import { type RedisStore, redisStore } from '../../src/stores/redis.js';
import { startRedis } from '../support/redis-server.js';
import { binary, type Connection, ioredisCluster, nodeRedis, nodeRedisCluster, servers } from './kit.js';
import { until, walk } from './watcher.js';

describe.runIf(binary)('a walk over one server', () => {
  const { all } = servers('standalone');
  let connection: Connection;
  beforeAll(async () => {
    connection = await nodeRedis(all.map(({ port }) => port));
  });
  afterAll(() => connection.close());

  it('takes a prefix at its word, whatever SCAN makes of its characters', async () => {
    const unlike = ['a*', 'ab', 'a?', 'a[b]', 'a\\', 'a^', 'ä-', '*'];
    const ids = new Map(unlike.map((prefix) => [prefix, makeId()]));
    const stores = new Map(unlike.map((prefix) => [prefix, redisStore({ client: connection.client, prefix })]));
    for (const [prefix, store] of stores) await store.create(ids.get(prefix) ?? makeId(), makeRecord());
    for (const [prefix, store] of stores) expect((await walk(store)).map(({ id }) => id)).toEqual([ids.get(prefix)]);
  });

  it('passes over keys of others, whatever they are', async () => {
    const prefix = `${randomUUID()}:`;
    const store = redisStore({ client: connection.client, prefix });
    const id = makeId();
    await store.create(id, makeRecord());
    await all[0]?.command('SADD', `${prefix}{aaaaa}:s:set`, '1');
    await all[0]?.command('SET', `${prefix}{aaaaa}:s:${makeId()}`, '\x01');
    expect((await walk(store)).map((entry) => entry.id)).toContain(id);
  });

  it.each(['', '0', '- 0', '- 0 x -1', '- 99999 x 1', '- 0 x 1; FLUSHALL'])('refuses the cursor %j', async (cursor) => {
    const store = redisStore({ client: connection.client });
    await expect(store.scan?.(cursor)).rejects.toMatchObject({ code: 'ERR_SESSION_ARGUMENT' });
  });

  it('rejects once its server was restarted', async () => {
    const server = await startRedis(binary ?? '', '--appendonly', 'yes');
    const client = createClient({ socket: { host: '127.0.0.1', port: server.port, reconnectStrategy: 20 } });
    client.on('error', () => undefined);
    await client.connect();
    const store = redisStore({ client });
    await Promise.all(Array.from({ length: 1_100 }, () => store.create(makeId(), makeRecord())));
    const { cursor } = (await store.scan?.()) ?? {};
    expect(cursor).toBeDefined();
    await server.kill();
    await server.restart();
    await until(async () => (await store.read(makeId())) === undefined);
    await expect(store.scan?.(cursor)).rejects.toThrow(/restarted or replaced during the walk/);
    expect(await walk(store)).toHaveLength(1_100);
    client.destroy();
    await server.stop();
  });
});

describe.runIf(binary).each([
  ['node-redis', nodeRedisCluster],
  ['ioredis', ioredisCluster],
] as const)('a walk over a cluster: %s', (_, connect) => {
  const { all } = servers('cluster');
  let connection: Connection;
  let store: RedisStore;
  beforeAll(async () => {
    connection = await connect(all.map(({ port }) => port));
    store = redisStore({ client: connection.client });
  });
  afterAll(() => connection.close());

  it('rejects where a slot moves meanwhile, and is whole after that', async () => {
    const ids = Array.from({ length: 60 }, () => makeId());
    for (const id of ids) await store.create(id, makeRecord());
    const [from, to] = [
      String(await all[0]?.command('CLUSTER', 'MYID')),
      String(await all[1]?.command('CLUSTER', 'MYID')),
    ];
    const first = ids.find((id) => slotOf(id.slice(0, 5)) < 5_461) ?? '';
    const slot = String(slotOf(first.slice(0, 5)));
    // Now and then another id shares its slot, which has to be empty before it changes hands.
    const keys = ids
      .filter((id) => String(slotOf(id.slice(0, 5))) === slot)
      .map((id) => `holdfast:{${id.slice(0, 5)}}:s:${id}`);
    const page = await store.scan?.();
    await all[1]?.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from);
    await all[0]?.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to);
    await expect(walk(store)).rejects.toThrow(/slots are moving during the walk/);
    for (const key of keys) await all[0]?.command('MIGRATE', '127.0.0.1', String(all[1]?.port), key, '0', '5000');
    for (const index of [1, 0, 2]) await all[index]?.command('CLUSTER', 'SETSLOT', slot, 'NODE', to);
    await expect(walk(store, page?.cursor)).rejects.toThrow(/slots moved during the walk/);
    expect((await walk(store)).map(({ id }) => id).sort()).toEqual([...ids].sort());
  });
});
