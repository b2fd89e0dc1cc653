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

type ArgumentsFor = (port: number, folder: string) => string[];

export function startRedis(binary: string, ...settings: string[]): Promise<RedisServer> {
  return start(binary, (port, folder) => [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
    ...settings,
  ]);
}

/** A replica of `primary`, once it has all of it. */
export async function startReplica(binary: string, primary: RedisServer): Promise<RedisServer> {
  const replica = await startRedis(binary);
  await replica.command('REPLICAOF', '127.0.0.1', String(primary.port));
  const ready = `port=${replica.port},state=online`;
  while (!String(await primary.command('INFO', 'replication')).includes(ready));
  return replica;
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
      // A busy machine must not look like a dead server: `watchClosely` when one is to die.
      'sentinel down-after-milliseconds main 60000',
      'sentinel failover-timeout main 2000',
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return [file, '--sentinel'];
  });
}

async function start(file: string, argumentsFor: ArgumentsFor): Promise<RedisServer> {
  const ready = /Ready to accept connections|\+monitor/;
  const server = await startServer({ name: 'redis', file, arguments: argumentsFor, ready });
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

/** Three primaries, each with a third of the slots, and `replicas` of each: first the primaries, then theirs in order. */
export async function startRedisCluster(binary: string, replicas = 0): Promise<RedisCluster> {
  const settings = [
    ...['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', '--repl-diskless-sync-delay', '0'],
    // A busy machine must not look like a dead server: `watchClosely` when one is to die.
    ...['--cluster-node-timeout', '15000'],
  ];
  const count = 3 * (1 + replicas);
  const servers = await Promise.all(Array.from({ length: count }, () => startRedis(binary, ...settings)));
  const stop = async (): Promise<void> => void (await Promise.all(servers.map((server) => server.stop())));
  try {
    await meet(servers.slice(0, 3), servers.slice(3));
  } catch (error) {
    await stop();
    throw error;
  }
  return { servers, stop };
}

/** From now on a Sentinel, or the servers of a cluster, take one that is silent for a short while for dead. */
export async function watchClosely(...servers: readonly RedisServer[]): Promise<void> {
  for (const server of servers) {
    const sentinel = String(await server.command('INFO', 'server')).includes('redis_mode:sentinel');
    if (sentinel) await server.command('SENTINEL', 'SET', 'main', 'down-after-milliseconds', '500');
    else await server.command('CONFIG', 'SET', 'cluster-node-timeout', '2000');
  }
}

const slots = 16_384;

async function meet(primaries: readonly RedisServer[], replicas: readonly RedisServer[]): Promise<void> {
  const servers = [...primaries, ...replicas];
  for (const [index, server] of primaries.entries()) {
    const [first, last] = [index, index + 1].map((third) => Math.ceil((third * slots) / primaries.length));
    const own = Array.from({ length: slots }, (_, slot) => slot).filter(
      (slot) => slot >= (first ?? 0) && slot < (last ?? 0),
    );
    await server.command('CLUSTER', 'ADDSLOTS', ...own.map(String));
    await server.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
  }
  const [first, ...others] = servers;
  for (const { port } of others) await first?.command('CLUSTER', 'MEET', '127.0.0.1', String(port));
  const says = async (server: RedisServer, what: string, ...command: string[]): Promise<void> => {
    while (!String(await server.command(...command)).includes(what));
  };
  for (const server of servers) await says(server, `cluster_known_nodes:${servers.length}`, 'CLUSTER', 'INFO');
  for (const [index, replica] of replicas.entries()) {
    await replica.command('CLUSTER', 'REPLICATE', String(await primaries[index % 3]?.command('CLUSTER', 'MYID')));
    await says(replica, 'master_link_status:up', 'INFO', 'replication');
  }
  for (const server of servers) await says(server, 'cluster_state:ok', 'CLUSTER', 'INFO');
}
