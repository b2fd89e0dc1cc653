/**
 * A real server that speaks MongoDB's protocol: the one that MONGODB_URL names, else a mongod of our own, else
 * mongo-java-server as `npm run services` makes it.
 */
import { randomBytes } from 'node:crypto';
import { type Db, MongoClient, type MongoClientOptions } from 'mongodb';
import { needs } from './needs.js';
import { type ServerProcess, startServer } from './server-process.js';
import { sharedServer } from './shared-servers.js';

/** What the store's page tells users to set, for the tests in which a server fails. */
export const advised: MongoClientOptions = {
  serverSelectionTimeoutMS: 1_500,
  connectTimeoutMS: 1_500,
  socketTimeoutMS: 2_000,
};

/** Where none fails, a machine that is busy must not look like one that does. */
const patient: MongoClientOptions = {
  serverSelectionTimeoutMS: 30_000,
  connectTimeoutMS: 30_000,
  socketTimeoutMS: 60_000,
};

const given = process.env.MONGODB_URL;

/** True-like where there is a server to test against. */
export const mongodb: string | undefined = given || needs('mongodb-server');

export interface MongodbServer extends ServerProcess {
  readonly url: string;
}

/** One of our own, for tests that kill it. */
export async function startMongodb(): Promise<MongodbServer> {
  const file = needs('mongodb-server');
  if (file === undefined) throw new Error('there is no mongod of our own to start');
  const server = await startServer({
    name: 'mongodb',
    file,
    arguments: (port, folder) => ['--port', String(port), '--bind_ip', '127.0.0.1', '--dbpath', folder],
    ready: /Waiting for connections/,
  });
  return Object.assign(server, { url: `mongodb://127.0.0.1:${server.port}` });
}

export interface Connected {
  readonly client: MongoClient;
  readonly db: Db;
  close(): Promise<void>;
}

export async function connect(url: string, options: MongoClientOptions = {}): Promise<Connected> {
  const client = await new MongoClient(url, { ...patient, ...options }).connect();
  return { client, db: client.db('holdfast_test'), close: () => client.close() };
}

/** A collection's name that no other test has. */
export const freshName = (): string => `t_${randomBytes(8).toString('hex')}`;

let shared: Promise<string> | undefined;

/** The address of one server for all tests of this run. */
export function sharedMongodb(): Promise<string> {
  shared ??= given ? Promise.resolve(given) : sharedServer('mongodb');
  return shared;
}
