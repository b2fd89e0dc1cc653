/** From the user's client to more connections like it. */
import { has, isIoredis, isNodeCluster } from './clients.js';
import {
  type IoredisClusterConnections,
  type IoredisConnection,
  ioredisClusterFleet,
  ioredisFleet,
} from './watch/ioredis.js';
import type { Fleet } from './watch/link.js';
import {
  type NodeRedisClusterConnections,
  type NodeRedisConnection,
  nodeRedisClusterFleet,
  nodeRedisFleet,
} from './watch/node-redis.js';

/** Undefined for a client that can't be duplicated. */
export function fleetOf(client: object): Fleet | undefined {
  if (isIoredis(client)) {
    if (client.isCluster)
      return has(client, 'nodes') ? ioredisClusterFleet(client as unknown as IoredisClusterConnections) : undefined;
    return has(client, 'duplicate') ? ioredisFleet(client as unknown as IoredisConnection) : undefined;
  }
  if (isNodeCluster(client)) return nodeRedisClusterFleet(client as unknown as NodeRedisClusterConnections);
  // A pool and a Sentinel client lend one of their connections.
  if (has(client, 'execute')) {
    const pool = client as unknown as { execute<T>(run: (member: NodeRedisConnection) => Promise<T>): Promise<T> };
    return nodeRedisFleet(() => pool.execute(async (member) => member));
  }
  if (has(client, '_execute')) {
    const sentinel = client as unknown as {
      _execute<T>(isReadonly: boolean, run: (member: NodeRedisConnection) => Promise<T>): Promise<T>;
    };
    return nodeRedisFleet(() => sentinel._execute(false, async (member) => member));
  }
  return has(client, 'duplicate') ? nodeRedisFleet(async () => client as unknown as NodeRedisConnection) : undefined;
}
