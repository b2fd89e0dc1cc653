/** The servers that fail here, each behind a client that is set up as its store's page tells. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startMongodb } from '../support/mongodb-server.js';
import { needs } from '../support/needs.js';
import { startPostgres } from '../support/postgres-server.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import type { ServerProcess } from '../support/server-process.js';

/** How a server that was killed is found when it is there again. */
export type Return = 'with its data' | 'empty';

export interface Backend<Server extends ServerProcess = ServerProcess> {
  readonly title: string;
  /** The name of its opener in child.ts. */
  readonly client: string;
  readonly available: boolean;
  /** Its store pushes changes, so that an app answers from memory too. */
  readonly remembers: boolean;
  /** What it has acknowledged is on its disk, where it has one. */
  start(): Promise<Server>;
  readonly returns: Readonly<Partial<Record<Return, (server: ServerProcess) => Promise<void>>>>;
  /** Every command that makes the change of an `update`, of which there is one. */
  readonly update: RegExp;
  /** Commands that are sent in this order for a sign-in, each of which changes something. */
  readonly signIn: readonly RegExp[];
}

const redisServer = needs('redis-server');
const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--repl-diskless-sync-delay', '0'];

const redisThrough = (client: string): Backend<RedisServer> => ({
  title: `Redis through ${client}`,
  client,
  available: redisServer !== undefined,
  remembers: true,
  start: () => startRedis(redisServer ?? '', ...durable),
  returns: {
    'with its data': (server) => server.restart(),
    empty(server) {
      rmSync(join(server.folder, 'appendonlydir'), { recursive: true, force: true });
      return server.restart();
    },
  },
  update: /EVALSHA/,
  signIn: [/EVALSHA/],
});

export const nodeRedisBackend = redisThrough('redis');
export const ioredisBackend = redisThrough('ioredis');
export const redisBackends: readonly Backend<RedisServer>[] = [nodeRedisBackend, ioredisBackend];

const postgres = needs('postgres');

export const postgresBackend: Backend = {
  title: 'PostgreSQL',
  client: 'postgres',
  available: postgres !== undefined,
  remembers: true,
  start: () => startPostgres(postgres ?? '', 'fsync=on', 'synchronous_commit=on', 'full_page_writes=on'),
  // Never empty: a database server keeps its folder, or is another server with another address.
  returns: { 'with its data': (server) => server.restart() },
  update: /sessions_update/,
  signIn: [/sessions_create/],
};

export const mongodbBackend: Backend = {
  title: 'MongoDB',
  client: 'mongodb',
  available: needs('mongodb-server') !== undefined,
  remembers: false,
  start: startMongodb,
  // Never with its data: the server of our tests has it in memory.
  returns: { empty: (server) => server.restart() },
  update: /update/,
  signIn: [/insert/, /update/],
};
