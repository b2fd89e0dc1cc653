/** What a server or a cluster says while it can't answer, under requests: a 503 in time, and then all goes on. */
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterEach, describe, expect, it } from 'vitest';
import { slotOf } from '../../src/stores/redis/watch/slot.js';
import { type RedisClient, redisStore } from '../../src/stores/redis.js';
import { type RedisServer, startRedis, startRedisCluster } from '../support/redis-server.js';
import { binary, ioredisCluster, nodeRedisCluster } from './kit.js';
import { Load } from './load.js';
import { until } from './watcher.js';

interface Connected {
  readonly client: RedisClient;
  close(): unknown;
}

const clients: Readonly<Record<string, (port: number, queues: boolean) => Promise<Connected>>> = {
  async 'node-redis'(port, queues) {
    const client = createClient({
      socket: { host: '127.0.0.1', port, reconnectStrategy: 50 },
      disableOfflineQueue: !queues,
    });
    client.on('error', () => undefined);
    await client.connect();
    return { client, close: () => client.destroy() };
  },
  async ioredis(port, queues) {
    const options = { enableOfflineQueue: queues, retryStrategy: () => 50, maxRetriesPerRequest: null };
    const client = new Redis({ host: '127.0.0.1', port, ...options });
    client.on('error', () => undefined);
    await new Promise((resolve) => client.once('ready', resolve));
    return { client, close: () => client.disconnect() };
  },
};
const ways = Object.entries(clients).flatMap(([name, connect]) => [
  [`${name}, which fails while it is offline`, connect, false] as const,
  [`${name}, which queues while it is offline`, connect, true] as const,
]);

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

describe.runIf(binary)('one server', { timeout: 120_000 }, () => {
  async function begin(server: RedisServer, connect: (typeof ways)[number][1], queues: boolean): Promise<Load> {
    ends.push(server.stop);
    const { client, close } = await connect(server.port, queues);
    ends.push(close);
    const load = new Load(redisStore({ client }));
    await load.begin(10);
    return load;
  }

  it.each(ways)('that is killed and comes back, loading what it had: %s', async (_, connect, queues) => {
    // Slow enough to be met while it loads: a server looks up from that every 1,024 commands.
    const server = await startRedis(binary ?? '', '--appendonly', 'yes', '--key-load-delay', '400');
    await server.command('EVAL', "for at = 1, 6000 do redis.call('SET', 'other:' .. at, '') end", '0');
    const load = await begin(server, connect, queues);
    let loading = false;
    await load.through(async () => {
      // Who looks too late, on a busy machine, does not meet it: then once more.
      while (!loading) {
        const before = load.failures;
        await server.kill();
        await until(() => load.failures > before + 10);
        const restarted = server.restart();
        await until(async () => {
          const answer = await server.command('GET', 'anything').catch((error: Error) => error.message);
          loading ||= String(answer).startsWith('LOADING');
          return loading || answer === null;
        });
        await restarted;
      }
    });
    await load.expectNothingLost();
  });

  it.each(ways)('that hangs for longer than the store deadline: %s', async (_, connect, queues) => {
    const server = await startRedis(binary ?? '');
    const load = await begin(server, connect, queues);
    await load.through(async () => {
      server.pause();
      await until(() => load.failures > 10);
      server.resume();
    });
    await load.expectNothingLost();
  });

  it.each(ways)('that becomes a replica, and a primary again: %s', async (_, connect, queues) => {
    const server = await startRedis(binary ?? '');
    const load = await begin(server, connect, queues);
    await load.through(async () => {
      await server.command('REPLICAOF', '127.0.0.1', '1');
      await until(() => load.failures > 10);
      await server.command('REPLICAOF', 'NO', 'ONE');
    });
    await load.expectNothingLost();
  });
});

describe.runIf(binary).each([
  ['node-redis', nodeRedisCluster],
  ['ioredis', ioredisCluster],
] as const)('a cluster: %s', { timeout: 120_000 }, (_, connect) => {
  async function begin(count: number) {
    const { servers, stop } = await startRedisCluster(binary ?? '');
    ends.push(stop);
    const { client, close } = await connect(servers.map(({ port }) => port));
    ends.push(close);
    const load = new Load(redisStore({ client }));
    await load.begin(count);
    return { servers, load };
  }

  it('whose slots move under load loses nothing', async () => {
    const { servers, load } = await begin(12);
    const [source, target] = servers;
    if (!source || !target) throw new Error('the cluster lacks servers');
    const names = await Promise.all(servers.map(async (server) => String(await server.command('CLUSTER', 'MYID'))));
    const keys = ((await source.command('KEYS', '*')) as unknown[]).map(String);
    const slots = new Set(keys.map((key) => slotOf(/\{(.*)\}/.exec(key)?.[1] ?? '')));
    expect(slots.size).toBeGreaterThan(0);
    await load.through(async () => {
      for (const slot of [...slots].map(String)) {
        await target.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', names[0] ?? '');
        await source.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', names[1] ?? '');
        for (;;) {
          const [key] = (await source.command('CLUSTER', 'GETKEYSINSLOT', slot, '1')) as unknown[];
          if (key === undefined) break;
          // One key after the other, with requests between: those of the slot that have left are found by ASK.
          await source.command('MIGRATE', '127.0.0.1', String(target.port), String(key), '0', '5000');
          const [first] = load.visitors;
          if (first) await load.visit(first);
        }
        for (const server of [target, source, ...servers.slice(2)]) {
          await server.command('CLUSTER', 'SETSLOT', slot, 'NODE', names[1] ?? '');
        }
      }
    });
    await load.expectNothingLost();
  });

  it('that is down answers 503 in time, also for the slots whose server is up', async () => {
    const { servers, load } = await begin(10);
    await load.through(async () => {
      const before = load.failures;
      for (const server of servers) await server.command('CLUSTER', 'DELSLOTS', '0');
      await until(async () => String(await servers[0]?.command('CLUSTER', 'INFO')).includes('cluster_state:fail'));
      await until(() => load.failures > before + 10);
      await servers[0]?.command('CLUSTER', 'ADDSLOTS', '0');
      for (const server of servers) {
        await until(async () => String(await server.command('CLUSTER', 'INFO')).includes('cluster_state:ok'));
      }
    });
    await load.expectNothingLost();
  });
});
