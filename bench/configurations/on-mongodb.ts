/** A server that speaks MongoDB's protocol, of its own for one configuration, and a client to it. */
import { type Db, MongoClient } from 'mongodb';
import { startServer } from '../../test/support/server-process.js';
import { programAt } from './programs.js';

export async function onMongodb<Made>(make: (db: Db) => Made | Promise<Made>) {
  const file = programAt('MONGOD_PATH');
  const server = await startServer({
    name: 'mongodb',
    file,
    arguments: (port, folder) => ['--port', String(port), '--bind_ip', '127.0.0.1', '--dbpath', folder],
    ready: /Waiting for connections/,
  });
  const client = await new MongoClient(`mongodb://127.0.0.1:${server.port}`).connect();
  const close = async () => {
    await client.close();
    await server.stop();
  };
  return { made: await make(client.db('bench')), store: {}, close };
}
