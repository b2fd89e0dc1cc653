/** Real Redis servers for tests: on a free port of the loopback, in a folder of their own, ended by their process id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createClient } from 'redis';

export interface RedisServer {
  readonly port: number;
  /** One command on a connection of its own. */
  command(...args: string[]): Promise<unknown>;
  /** Answers nothing until `resume`, with every connection left open. */
  pause(): void;
  resume(): void;
  /** As by `kill -9`. */
  stop(): Promise<void>;
}

export interface RedisCluster {
  readonly servers: readonly RedisServer[];
  stop(): Promise<void>;
}

/** A cluster's servers talk to each other on their port and 10000. */
const highest = 55_000;

async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    server.close();
    await once(server, 'close');
    if (typeof address === 'object' && address && address.port < highest) return address.port;
  }
}

/** Another process may take the port before the server does: one more try with another. */
async function startOnFreePort(binary: string, argumentsFor: ArgumentsFor): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(binary, await freePort(), argumentsFor);
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}

type ArgumentsFor = (port: number, folder: string) => string[];

export function startRedis(binary: string, ...settings: string[]): Promise<RedisServer> {
  return startOnFreePort(binary, (port, folder) => [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
    ...settings,
  ]);
}

/** One Sentinel that watches one primary, under the name `main`. */
export function startSentinel(binary: string, primary: RedisServer): Promise<RedisServer> {
  return startOnFreePort(binary, (port, folder) => {
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

async function start(binary: string, port: number, argumentsFor: ArgumentsFor): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-redis-'));
  const child = spawn(binary, argumentsFor(port, folder), { stdio: ['ignore', 'pipe', 'ignore'] });
  // A run that is interrupted takes its servers with it.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    process.off('exit', kill);
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      kill();
      await gone;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await ready(child);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    stop,
    command: (...args) => command(port, args),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  };
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}:\n${said.join('\n')}`)));
    if (!child.stdout) return;
    createInterface(child.stdout).on('line', (line) => {
      said.push(line);
      if (/Ready to accept connections|\+monitor/.test(line)) resolve();
    });
  });
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
