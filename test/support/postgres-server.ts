/**
 * Real PostgreSQL servers, and PgBouncer in front of one, for tests. Nothing survives them, so they write nothing
 * through to the disk.
 */
import { spawnSync } from 'node:child_process';
import { chownSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ServerProcess, startServer } from './server-process.js';

export interface PostgresServer extends ServerProcess {
  /** Of the superuser, to the database `postgres`. */
  readonly url: string;
}

/** Neither program runs as root. Debian's packages bring the first of these users; every system has the second. */
const unprivileged = process.getuid?.() === 0 ? userOf('postgres', 'nobody') : undefined;

function userOf(...names: string[]): { uid: number; gid: number } {
  const id = (option: string, name: string): number => Number(spawnSync('id', [option, name]).stdout || Number.NaN);
  const user = names.map((name) => ({ uid: id('-u', name), gid: id('-g', name) })).find(({ uid }) => uid > 0);
  if (!user) throw new Error(`PostgreSQL does not run as root, and there is no user ${names.join(' or ')}.`);
  return user;
}

/** Variables such as PGDATA would speak to the server too. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name)));

function initialize(file: string, folder: string): void {
  const initdb = join(dirname(realpathSync(file)), 'initdb');
  const args = ['-D', join(folder, 'data'), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  const { status, stderr } = spawnSync(initdb, [...args, '--no-instructions', '--wal-segsize=1'], {
    ...unprivileged,
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`initdb failed:\n${stderr}`);
}

/** `settings` as in postgresql.conf: `max_connections=20`. */
export async function startPostgres(file: string, ...settings: string[]): Promise<PostgresServer> {
  const all = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'fsync=off',
    'synchronous_commit=off',
    'full_page_writes=off',
    'shared_buffers=32MB',
    'max_connections=200',
    ...settings,
  ];
  const server = await startServer({
    name: 'postgres',
    file,
    arguments(port, folder) {
      initialize(file, folder);
      return ['-D', join(folder, 'data'), '-p', String(port), ...all.flatMap((setting) => ['-c', setting])];
    },
    ready: /database system is ready to accept connections/,
    user: unprivileged,
    env,
  });
  return Object.assign(server, { url: `postgres://postgres@127.0.0.1:${server.port}/postgres` });
}

/** In transaction mode: a client has a connection to the server for one transaction at a time. */
export async function startPgBouncer(file: string, server: { readonly url: string }): Promise<PostgresServer> {
  const { hostname, port: serverPort } = new URL(server.url);
  const bouncer = await startServer({
    name: 'pgbouncer',
    file,
    arguments(port, folder) {
      const settings = [
        '[databases]',
        `* = host=${hostname} port=${serverPort} user=postgres`,
        '[pgbouncer]',
        'listen_addr = 127.0.0.1',
        `listen_port = ${port}`,
        'unix_socket_dir =',
        'auth_type = any',
        'pool_mode = transaction',
        'default_pool_size = 4',
        'max_client_conn = 200',
      ];
      const path = join(folder, 'pgbouncer.ini');
      writeFileSync(path, `${settings.join('\n')}\n`);
      if (unprivileged) chownSync(path, unprivileged.uid, unprivileged.gid);
      return [path];
    },
    ready: /process up/,
    user: unprivileged,
    env,
  });
  return Object.assign(bouncer, { url: `postgres://postgres@127.0.0.1:${bouncer.port}/postgres` });
}
