/** Behind a pooler that lends a connection for one transaction: everything holds, and notices need a way of their own. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresStore } from '../../src/stores/postgres.js';
import { needs } from '../support/needs.js';
import { dropSchema, freshSchema, poolOf, postgresAvailable, postgresUrl } from '../support/postgres-schema.js';
import { type PostgresServer, startPgBouncer } from '../support/postgres-server.js';
import { conforms, rejection } from './kit.js';

// The server's own: PgBouncer would have to be told a password for one that is named in the environment.
const bouncer = needs('pgbouncer');

describe.runIf(bouncer && postgresAvailable && !process.env.DATABASE_URL)('PgBouncer in transaction mode', () => {
  let pooler: PostgresServer;
  beforeAll(async () => {
    pooler = await startPgBouncer(bouncer ?? '', { url: await postgresUrl() });
  });
  afterAll(() => pooler.stop());

  conforms('the kit', { url: () => pooler.url, direct: postgresUrl, sequences: 20 });

  it('a watch that would listen through it is refused, since it would hear nothing', async () => {
    const schema = freshSchema();
    const pool = poolOf(pooler.url);
    const listen = (): pg.Client => new pg.Client({ connectionString: pooler.url });
    const store = postgresStore({ pool, schema, listen, queryTimeout: '3s' });
    await store.sweep(0, 1);
    const error = await rejection(store.watch?.(() => undefined));
    expect(error.message).toMatch(/no notice came through.*directly/);
    await store.close?.();
    await dropSchema(pool, schema);
    await pool.end();
  });
});
