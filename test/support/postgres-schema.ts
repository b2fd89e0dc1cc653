/** A schema of its own on a shared server for each store, so that a test never meets what another one stored. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { needs } from './needs.js';
import { sharedServer } from './shared-servers.js';

/** True where there is a server to be had: one that is named in the environment, or one to start. */
export const postgresAvailable = Boolean(process.env.DATABASE_URL || needs('postgres'));

/** The server named by `DATABASE_URL`, else one that this run starts for itself. */
export const postgresUrl = async (): Promise<string> => process.env.DATABASE_URL || (await sharedServer('postgres'));

/** No other run, of this or of another machine, has the same. */
export const freshSchema = (): string => `hf_${randomBytes(8).toString('hex')}`;

/** A crowd on a busy machine waits for a connection for long. */
export function poolOf(connectionString: string, options: pg.PoolConfig = {}): pg.Pool {
  return new pg.Pool({ connectionString, connectionTimeoutMillis: 30_000, max: 8, allowExitOnIdle: true, ...options });
}

export const dropSchema = async (pool: pg.Pool, schema: string): Promise<void> =>
  void (await pool.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`));
