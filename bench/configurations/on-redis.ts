/** A Redis server of its own for one configuration, and a client to it. */
import { createClient } from 'redis';
import { startRedis } from '../../test/support/redis-server.js';

async function connect(port: number) {
  const client = createClient({ socket: { host: '127.0.0.1', port } });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** A server of its own: what one configuration keeps there slows no other. */
export async function onRedis<Made>(make: (client: Awaited<ReturnType<typeof connect>>) => Made | Promise<Made>) {
  const server = await startRedis(process.env.REDIS_SERVER_PATH || 'redis-server');
  const client = await connect(server.port);
  const close = async () => {
    client.destroy();
    await server.stop();
  };
  return { store: await make(client), close };
}
