/** A PostgreSQL server of its own for one configuration, and a pool of connections to it. */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { startPostgres } from '../../test/support/postgres-server.js';
import type { StoreGauge } from './configuration.js';
import { programAt } from './programs.js';

/** pg's default, and enough for a server with one core. */
const connections = 10;

/** Of a process and nobody else: nanoseconds on a core, as Linux counts them. Elsewhere there is no such figure. */
const cpuNs = (pid: number): number => Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ', 1)[0]);

const postgresCpuUs = async (gauge: pg.Client): Promise<number> => {
  const { rows } = await gauge.query(
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
  );
  return rows.reduce((sum, { pid }) => sum + cpuNs(Number(pid)) / 1_000, 0);
};

/** `settings` as in postgresql.conf: `max_wal_size=1GB`. */
export async function onPostgres<Made>(
  make: (pool: pg.Pool, url: string) => Made | Promise<Made>,
  ...settings: string[]
) {
  const binary = programAt('POSTGRES_PATH');
  // Counts statements. Debian has it with the server; elsewhere it may be a package of its own.
  const counting = 'shared_preload_libraries=pg_stat_statements';
  const server = await startPostgres(binary, counting, ...settings).catch(() => startPostgres(binary, ...settings));
  const pool = new pg.Pool({ connectionString: server.url, max: connections, connectionTimeoutMillis: 5_000 });
  const gauge = new pg.Client({ connectionString: server.url });
  pool.on('error', () => undefined);
  gauge.on('error', () => undefined);
  await gauge.connect();
  const counts = await gauge.query('CREATE EXTENSION pg_stat_statements').then(
    () => true,
    () => false,
  );
  const store: StoreGauge = {
    ...(process.platform === 'linux' && { cpuUs: () => postgresCpuUs(gauge) }),
    bytes: async () => Number((await gauge.query('SELECT pg_database_size(current_database()) AS n')).rows[0].n),
    ...(counts && {
      async commands() {
        // The gauge's own questions apart.
        const { rows } = await gauge.query(
          `SELECT split_part(upper(ltrim(query)), ' ', 1) AS name, sum(calls)::int AS calls FROM pg_stat_statements
           WHERE toplevel AND query !~ 'pg_stat_|pg_database_size' GROUP BY 1`,
        );
        return Object.fromEntries(rows.map(({ name, calls }) => [String(name).toLowerCase(), Number(calls)]));
      },
    }),
  };
  const close = async () => {
    await pool.end();
    await gauge.end();
    await server.stop();
  };
  return { made: await make(pool, server.url), pool, store, close };
}
