/**
 * The programs that some tests need beside Node: where they are looked for and what installs them. One table for the
 * tests (`needs`) and the installer (`npm run services`), so that neither can name a program the other does not know.
 */
import { createHash } from 'node:crypto';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Program {
  /** Names to look for on PATH, in order. */
  readonly names: readonly string[];
  /** An environment variable that names the file, and wins. */
  readonly variable: string;
  /** Where a system keeps it off the PATH: a folder with one folder for each version, and what is below that. */
  readonly versions?: readonly [folder: string, below: string];
  /** The Debian packages, with a space between two. */
  readonly debian: string;
  /** Where `npm run services` puts what it makes itself, for want of a package; looked at after PATH. */
  readonly made?: string;
  /** How it is asked for its version, which also proves that it starts. */
  readonly version: string;
  /** What does not run without it. */
  readonly use: string;
}

/**
 * In the user's cache, where every clone and copy of this repository finds it; in a folder that is named after the files
 * beside this one that it is made from, so that another version of them makes another one.
 */
function inCache(source: string, name: string): string {
  const folder = fileURLToPath(new URL(source, import.meta.url));
  const hash = createHash('sha256');
  for (const file of readdirSync(folder).sort()) hash.update(file).update(readFileSync(join(folder, file)));
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'holdfast', `${name}-${hash.digest('hex').slice(0, 12)}`, name);
}

export const programs = {
  chromium: {
    names: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    variable: 'CHROMIUM_PATH',
    debian: 'chromium',
    version: '--version',
    use: 'the tests in a real browser (test/e2e)',
  },
  nginx: {
    names: ['nginx'],
    variable: 'NGINX_PATH',
    debian: 'nginx-light',
    version: '-v',
    use: 'the tests behind a real TLS proxy',
  },
  postgres: {
    names: ['postgres'],
    variable: 'POSTGRES_PATH',
    versions: ['/usr/lib/postgresql', 'bin'],
    debian: 'postgresql',
    version: '--version',
    use: 'the tests of the PostgreSQL store',
  },
  pgbouncer: {
    names: ['pgbouncer'],
    variable: 'PGBOUNCER_PATH',
    debian: 'pgbouncer',
    version: '--version',
    use: 'the tests of the PostgreSQL store behind a pooler',
  },
  'redis-server': {
    names: ['redis-server', 'valkey-server'],
    variable: 'REDIS_SERVER_PATH',
    debian: 'redis-server',
    version: '--version',
    use: 'the tests of the Redis store',
  },
  'mongodb-server': {
    names: ['mongod'],
    variable: 'MONGOD_PATH',
    debian: 'default-jdk-headless maven',
    made: inCache('mongodb', 'mongodb-server'),
    version: '--version',
    use: 'the tests of the MongoDB store, unless MONGODB_URL names a server',
  },
} as const satisfies Record<string, Program>;

export type ProgramName = keyof typeof programs;

/** System folders that a user's PATH often lacks. */
const folders = ['/usr/bin', '/usr/local/bin', '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];

/** The file to start, or `undefined`. A variable that names no executable is an error: a typo must not become a skip. */
export function findProgram(name: ProgramName, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const program: Program = programs[name];
  const named = env[program.variable];
  if (named) {
    if (isExecutable(named)) return named;
    throw new Error(`${program.variable} is ${named}, which is not a file that can be started`);
  }
  const path = [...(env.PATH ?? '').split(delimiter).filter(Boolean), ...folders, ...versioned(program)];
  const files = program.names.flatMap((file) => path.map((folder) => join(folder, file)));
  return [...files, ...(program.made === undefined ? [] : [program.made])].find(isExecutable);
}

/** Newest first. */
function versioned({ versions }: Program): string[] {
  if (versions === undefined) return [];
  const [folder, below] = versions;
  try {
    return readdirSync(folder)
      .sort((one, other) => Number(other) - Number(one))
      .map((version) => join(folder, version, below));
  } catch {
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
