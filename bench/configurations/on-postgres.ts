/** A PostgreSQL server of its own for one configuration, and a pool of connections to it. */
import pg from 'pg';
import { startPostgres } from '../../test/support/postgres-server.js';
import type { StoreGauge } from './configuration.js';
import { programAt } from './programs.js';

/** pg's default, and enough for a server with one core. */
const connections = 10;

export async function onPostgres<Made>(make: (pool: pg.Pool, url: string) => Made | Promise<Made>) {
  const binary = programAt('POSTGRES_PATH');
  // Counts statements. Debian has it with the server; elsewhere it may be a package of its own.
  const counting = 'shared_preload_libraries=pg_stat_statements';
  const server = await startPostgres(binary, counting).catch(() => startPostgres(binary));
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
    bytes: async () => Number((await gauge.query('SELECT pg_database_size(current_database()) AS n')).rows[0].n),
    ...(counts && {
      async commands() {
        // The gauge's own questions apart.
        const { rows } = await gauge.query(
          `SELECT split_part(upper(ltrim(query)), ' ', 1) AS name, sum(calls)::int AS calls FROM pg_stat_statements
           WHERE toplevel AND query !~ 'pg_stat_statements|pg_database_size' GROUP BY 1`,
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
