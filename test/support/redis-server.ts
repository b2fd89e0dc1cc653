/** Real Redis servers for tests. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from 'redis';
import { type ServerProcess, startServer } from './server-process.js';

export interface RedisServer extends ServerProcess {
  /** One command on a connection of its own. */
  command(...args: string[]): Promise<unknown>;
}

export interface RedisCluster {
  readonly servers: readonly RedisServer[];
  stop(): Promise<void>;
}

/** A cluster's servers talk to each other on their port and 10000. */
const highestPort = 55_000;

type ArgumentsFor = (port: number, folder: string) => string[];

export function startRedis(binary: string, ...settings: string[]): Promise<RedisServer> {
  return start(binary, (port, folder) => [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
    ...settings,
  ]);
}

/** One Sentinel that watches one primary, under the name `main`. */
export function startSentinel(binary: string, primary: RedisServer): Promise<RedisServer> {
  return start(binary, (port, folder) => {
    const file = join(folder, 'sentinel.conf');
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor main 127.0.0.1 ${primary.port} 1`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return [file, '--sentinel'];
  });
}

async function start(file: string, argumentsFor: ArgumentsFor): Promise<RedisServer> {
  const ready = /Ready to accept connections|\+monitor/;
  const server = await startServer({ name: 'redis', file, arguments: argumentsFor, ready, highestPort });
  return Object.assign(server, { command: (...args: string[]) => command(server.port, args) });
}

async function command(port: number, args: string[]): Promise<unknown> {
  const client = createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: false } });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await client.sendCommand(args);
  } finally {
    client.destroy();
  }
}

/** Three primaries without replicas, each with a third of the slots. */
export async function startRedisCluster(binary: string): Promise<RedisCluster> {
  const settings = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'];
  const servers = await Promise.all([1, 2, 3].map(() => startRedis(binary, ...settings)));
  const stop = async (): Promise<void> => void (await Promise.all(servers.map((server) => server.stop())));
  try {
    await meet(servers);
  } catch (error) {
    await stop();
    throw error;
  }
  return { servers, stop };
}

const slots = 16_384;

async function meet(servers: readonly RedisServer[]): Promise<void> {
  for (const [index, server] of servers.entries()) {
    const own = Array.from({ length: slots }, (_, slot) => slot).filter(
      (slot) => Math.floor((slot * servers.length) / slots) === index,
    );
    await server.command('CLUSTER', 'ADDSLOTS', ...own.map(String));
    await server.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
  }
  const [first, ...others] = servers;
  for (const { port } of others) await first?.command('CLUSTER', 'MEET', '127.0.0.1', String(port));
  for (const server of servers) {
    for (let state = ''; !(state.includes('cluster_state:ok') && state.includes('cluster_known_nodes:3')); ) {
      state = String(await server.command('CLUSTER', 'INFO'));
    }
  }
}
