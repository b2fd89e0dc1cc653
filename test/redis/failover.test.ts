/** A primary dies and its replica takes its place, in a cluster and behind Sentinel. */
import { Redis } from 'ioredis';
import { createSentinel } from 'redis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeEnding, makeId, makeRecord } from '../../src/stores/conformance/index.js';
import { type RedisClient, redisStore } from '../../src/stores/redis.js';
import {
  type RedisServer,
  startRedis,
  startRedisCluster,
  startReplica,
  startSentinel,
  watchClosely,
} from '../support/redis-server.js';
import { binary, type Connection, ioredisCluster, nodeRedisCluster } from './kit.js';
import { Load, replicated } from './load.js';
import { until, Watcher } from './watcher.js';

interface Topology {
  /** Dies. */
  readonly primary: RedisServer;
  /** Takes its place. */
  readonly replica: RedisServer;
  readonly client: RedisClient;
  /** Who decides that the primary is dead. */
  readonly judges: readonly RedisServer[];
  stop(): Promise<void>;
}

const cluster = (connect: typeof nodeRedisCluster) => async (): Promise<Topology> => {
  const { servers, stop } = await startRedisCluster(binary ?? '', 1);
  const connection: Connection = await connect(servers.map(({ port }) => port));
  const [primary, replica] = [servers[0], servers[3]];
  if (!primary || !replica) throw new Error('the cluster lacks servers');
  return {
    primary,
    replica,
    client: connection.client,
    judges: servers,
    async stop() {
      await connection.close();
      await stop();
    },
  };
};

const sentinel =
  (connect: (port: number) => Promise<{ client: RedisClient; close(): unknown }>) => async (): Promise<Topology> => {
    const primary = await startRedis(binary ?? '', '--repl-diskless-sync-delay', '0');
    const replica = await startReplica(binary ?? '', primary);
    const watching = await startSentinel(binary ?? '', primary);
    // Sentinel asks the primary for its replicas every ten seconds, and at once when it has just begun.
    await until(async () =>
      JSON.stringify(await watching.command('SENTINEL', 'REPLICAS', 'main')).includes(String(replica.port)),
    );
    const { client, close } = await connect(watching.port);
    return {
      primary,
      replica,
      client,
      judges: [watching],
      async stop() {
        await close();
        for (const server of [watching, replica, primary]) await server.stop();
      },
    };
  };

async function nodeRedisSentinel(port: number) {
  const client = createSentinel({ name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port }] });
  client.on('error', () => undefined);
  await client.connect();
  return { client, close: () => client.destroy() };
}

async function ioredisSentinel(port: number) {
  const client = new Redis({ name: 'main', sentinels: [{ host: '127.0.0.1', port }], enableOfflineQueue: true });
  client.on('error', () => undefined);
  return { client, close: () => client.disconnect() };
}

describe.runIf(binary).each([
  ['a cluster, node-redis', cluster(nodeRedisCluster)],
  ['a cluster, ioredis', cluster(ioredisCluster)],
  ['Sentinel, node-redis', sentinel(nodeRedisSentinel)],
  ['Sentinel, ioredis', sentinel(ioredisSentinel)],
] as const)('a primary is killed: %s', { timeout: 120_000 }, (_, start) => {
  let topology: Topology | undefined;
  beforeEach(async () => {
    topology = await start();
  });
  afterEach(() => topology?.stop());

  it('every request is answered in time, and once the replica has taken over all goes on without a restart', async () => {
    if (!topology) throw new Error('not started');
    const { primary, replica, client, judges } = topology;
    const store = redisStore({ client });
    const load = new Load(store);
    const watcher = await Watcher.of(store);
    await load.begin(24);
    for (const visitor of load.visitors) await load.visit(visitor);
    const ended = makeId();
    await store.create(ended, makeRecord());
    await store.end(ended, makeEnding());
    await watcher.recovered();
    await replicated(primary, replica);
    watcher.heard.splice(0);
    const lost = watcher.next('all');
    await watchClosely(...judges);
    await primary.kill();
    await load.through(async () => {
      await lost;
      await until(async () => String(await replica.command('ROLE')).startsWith('master'));
    });
    // What had been replicated is there: nobody is signed out, no page was lost, and who was signed out stays so.
    await load.expectNothingLost();
    expect(await store.read(ended)).toHaveProperty('ended');
    await watcher.recovered();
    const ids = Array.from({ length: 20 }, () => makeId());
    for (const id of ids) await store.create(id, makeRecord());
    for (const id of ids) await watcher.watch.read(id);
    watcher.heard.splice(0);
    for (const id of ids) await store.end(id, makeEnding());
    const heard = await watcher.take();
    for (const id of ids) expect(heard.includes(id) || heard.includes('all')).toBe(true);
    await store.close?.();
  });
});
