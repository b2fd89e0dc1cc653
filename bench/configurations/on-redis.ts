/** A Redis server of its own for one configuration, and a client to it. */
import { createClient } from 'redis';
import { startRedis } from '../../test/support/redis-server.js';
import type { StoreGauge } from './configuration.js';
import { programAt } from './programs.js';

async function connect(port: number) {
  const client = createClient({ socket: { host: '127.0.0.1', port } });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

export type RedisClient = Awaited<ReturnType<typeof connect>>;

/** What the harness, a connecting client and the link that pushes changes send by themselves; no request is charged with them. */
const beside = /^(?:info|hello|client|config|command|ping|select|auth|function|script)\b/;

/** A server of its own: what one configuration keeps there slows no other. */
export async function onRedis<Made>(make: (client: RedisClient) => Made | Promise<Made>) {
  const binary = programAt('REDIS_SERVER_PATH');
  const server = await startRedis(binary);
  const [client, gauge] = [await connect(server.port), await connect(server.port)];
  const store: StoreGauge = {
    async commands() {
      const info = await gauge.info('commandstats');
      const lines = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
      return Object.fromEntries(
        lines.flatMap(([, name = '', calls]) => (beside.test(name) ? [] : [[name, Number(calls)]])),
      );
    },
    async cpuUs() {
      const times = [...(await gauge.info('cpu')).matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)];
      return times.reduce((sum, [, seconds]) => sum + Number(seconds) * 1e6, 0);
    },
    bytes: async () => Number(/^used_memory:(\d+)/m.exec(await gauge.info('memory'))?.[1]),
  };
  const close = async () => {
    client.destroy();
    gauge.destroy();
    await server.stop();
  };
  return { made: await make(client), client, store, close };
}
