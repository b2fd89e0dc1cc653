/** The conformance kit on a real server or cluster, through one of the clients. */
import { randomUUID } from 'node:crypto';
import { Cluster, Redis } from 'ioredis';
import { createClient, createClientPool, createCluster } from 'redis';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { storeConformance } from '../../src/stores/conformance/index.js';
import { type RedisClient, redisStore } from '../../src/stores/redis.js';
import { needs } from '../support/needs.js';
import { type RedisServer, startRedis, startRedisCluster } from '../support/redis-server.js';

export interface Connection {
  readonly client: RedisClient;
  close(): Promise<unknown>;
}

type Connect = (ports: readonly number[]) => Promise<Connection>;

export const nodeRedis = async ([port = 0]: readonly number[]): Promise<Connection> => {
  const client = createClient({ socket: { host: '127.0.0.1', port } });
  client.on('error', () => undefined);
  await client.connect();
  return { client, close: async () => client.destroy() };
};

export const nodeRedisPool = async ([port = 0]: readonly number[]): Promise<Connection> => {
  const client = createClientPool({ socket: { host: '127.0.0.1', port } });
  client.on('error', () => undefined);
  await client.connect();
  return { client, close: async () => client.destroy() };
};

export const ioredis = async ([port = 0]: readonly number[]): Promise<Connection> => {
  const client = new Redis({ host: '127.0.0.1', port });
  client.on('error', () => undefined);
  return { client, close: async () => client.disconnect() };
};

export const nodeRedisCluster = async (ports: readonly number[]): Promise<Connection> => {
  const client = createCluster({ rootNodes: ports.map((port) => ({ socket: { host: '127.0.0.1', port } })) });
  client.on('error', () => undefined);
  await client.connect();
  return { client, close: async () => client.destroy() };
};

export const ioredisCluster = async (ports: readonly number[]): Promise<Connection> => {
  const client = new Cluster(ports.map((port) => ({ host: '127.0.0.1', port })));
  client.on('error', () => undefined);
  return { client, close: async () => client.disconnect() };
};

export const binary = needs('redis-server');

/** Starts what `topology` says before the tests of a file, and ends it after them. */
export function servers(topology: 'standalone' | 'cluster', ...settings: string[]): { readonly all: RedisServer[] } {
  const all: RedisServer[] = [];
  let stop = async (): Promise<void> => undefined;
  beforeAll(async () => {
    if (topology === 'cluster') {
      const cluster = await startRedisCluster(binary ?? '');
      all.push(...cluster.servers);
      stop = cluster.stop;
    } else {
      const server = await startRedis(binary ?? '', ...settings);
      all.push(server);
      stop = server.stop;
    }
  });
  afterAll(() => stop());
  return { all };
}

type Hook = () => unknown;

/** The same client, with a hook that is awaited before each command. */
export function withHook(client: RedisClient): { client: RedisClient; beforeCommand(hook: Hook | undefined): void } {
  let hook: Hook | undefined;
  const hooked = new Proxy(client, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (name !== 'sendCommand' && name !== 'callBuffer') return member.bind(target);
      return async (...args: unknown[]) => {
        await hook?.();
        return Reflect.apply(member, target, args);
      };
    },
  });
  return {
    client: hooked,
    beforeCommand(next) {
      hook = next;
    },
  };
}

/** Two connections, as of two processes; each law has a prefix of its own. */
export function conforms(topology: 'standalone' | 'cluster', connect: Connect): void {
  describe.runIf(binary)(`${topology}`, () => {
    const { all } = servers(topology);
    const connections: Connection[] = [];
    beforeAll(async () => {
      const ports = all.map(({ port }) => port);
      connections.push(await connect(ports), await connect(ports));
    });
    afterAll(() => Promise.all(connections.map((connection) => connection.close())));
    storeConformance({
      test,
      makeStore() {
        const prefix = `${randomUUID()}:`;
        const [first, second] = connections;
        if (!first || !second) throw new Error('not connected');
        const hooked = withHook(first.client);
        return {
          store: redisStore({ client: hooked.client, prefix }),
          reopen: () => redisStore({ client: second.client, prefix }),
          beforeCommand: hooked.beforeCommand,
        };
      },
      atomicReplace: topology === 'standalone',
      skip: (_, reason, context) => (context as { skip(note: string): void }).skip(reason),
    });
  });
}
