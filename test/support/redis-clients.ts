/**
 * What the tests of all stores know Redis by: two connections, as of two processes, and a way to write past them.
 * `HOLDFAST_TEST_REDIS` chooses the client and what it talks to; without it, node-redis and one server.
 */
import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import type { RedisClient } from '../../src/stores/redis.js';
import { startRedis, startRedisCluster } from './redis-server.js';

export interface RedisConnections {
  readonly first: RedisClient;
  readonly second: RedisClient;
  /** To the server that has the key, which is the second word; every string of the answer is a Buffer. */
  command(name: string, key: string, ...rest: (string | Buffer)[]): Promise<unknown>;
  /** For whoever does not want them until the process ends. */
  end(): Promise<void>;
}

const buffers = { typeMapping: { 36: Buffer } } as const;
const at = (port: number) => ({ host: '127.0.0.1', port });
const quiet = <Client extends { on(event: 'error', listener: () => void): unknown }>(client: Client): Client => {
  client.on('error', () => undefined);
  return client;
};

type Ends = { destroy(): unknown } | { disconnect(): unknown };
const ending = (stop: () => Promise<unknown>, clients: readonly Ends[]) => async () => {
  for (const client of clients) 'destroy' in client ? client.destroy() : client.disconnect();
  await stop();
};

const ways: Record<string, (binary: string) => Promise<RedisConnections>> = {
  async 'node-redis'(binary) {
    const { port, stop } = await startRedis(binary);
    const connect = () => quiet(createClient({ socket: at(port) })).connect();
    const [first, second, raw] = [await connect(), await connect(), await connect()];
    const end = ending(stop, [first, second, raw]);
    return { first, second, end, command: (...args) => raw.sendCommand(args, buffers) };
  },
  async ioredis(binary) {
    const { port, stop } = await startRedis(binary);
    const [first, second, raw] = [1, 2, 3].map(() => quiet(new Redis(at(port)))) as [Redis, Redis, Redis];
    const end = ending(stop, [first, second, raw]);
    return { first, second, end, command: (name, ...args: (string | Buffer)[]) => raw.callBuffer(name, ...args) };
  },
  async 'node-redis-cluster'(binary) {
    const { servers, stop } = await startRedisCluster(binary);
    const rootNodes = servers.map(({ port }) => ({ socket: at(port) }));
    const connect = async () => {
      const client = quiet(createCluster({ rootNodes }));
      await client.connect();
      return client;
    };
    const [first, second, raw] = [await connect(), await connect(), await connect()];
    return {
      first,
      second,
      end: ending(stop, [first, second, raw]),
      command: (name, key, ...rest) => raw.sendCommand(key, false, [name, key, ...rest], buffers),
    };
  },
  async 'ioredis-cluster'(binary) {
    const { servers, stop } = await startRedisCluster(binary);
    const connect = () => quiet(new Cluster(servers.map(({ port }) => at(port))));
    const [first, second, raw] = [connect(), connect(), connect()];
    const end = ending(stop, [first, second, raw]);
    return { first, second, end, command: (name, ...args: (string | Buffer)[]) => raw.callBuffer(name, ...args) };
  },
};

export function connectRedis(binary: string, way = process.env.HOLDFAST_TEST_REDIS ?? 'node-redis') {
  const connect = ways[way];
  if (!connect) throw new Error(`HOLDFAST_TEST_REDIS: expected one of ${Object.keys(ways).join(', ')}, got ${way}.`);
  return connect(binary);
}
