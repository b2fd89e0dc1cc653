import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { checkMigrations } from '../../scripts/sql.js';
import { makeId, makeRecord } from '../../src/stores/conformance/index.js';
import { type PostgresStore, postgresSchema, postgresStore } from '../../src/stores/postgres.js';
import { dropSchema, freshSchema, poolOf, postgresAvailable, postgresUrl } from '../support/postgres-schema.js';
import { rejection } from './kit.js';

it('the SQL that is shipped is that in the .sql files', () => {
  expect(checkMigrations(fileURLToPath(new URL('../..', import.meta.url)))).toEqual([]);
});

/** Where nothing hangs, a machine that is busy must not look as if something did. */
const storeOf = (options: Parameters<typeof postgresStore>[0]): PostgresStore =>
  postgresStore({ queryTimeout: '30s', ...options });

describe.runIf(postgresAvailable)('the schema', () => {
  let url = '';
  const endings: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    url = await postgresUrl();
  });
  afterEach(async () => {
    for (const ending of endings.splice(0).reverse()) await ending();
  });

  function open(options: pg.PoolConfig = {}): pg.Pool {
    const pool = poolOf(url, { max: 1, ...options });
    endings.push(() => pool.end());
    return pool;
  }

  function fresh(): string {
    const schema = freshSchema();
    const pool = open();
    endings.push(() => dropSchema(pool, schema));
    return schema;
  }

  /** A role without privileges but those that `grants` gives, and a pool of its own. */
  async function role(admin: pg.Pool, schema: string, ...grants: string[]): Promise<pg.Pool> {
    const name = `${schema}_app`;
    await admin.query(`CREATE ROLE "${name}" LOGIN PASSWORD 'hf-test'`);
    endings.push(() => admin.query(`DROP OWNED BY "${name}"; DROP ROLE "${name}"`));
    for (const grant of grants) await admin.query(`GRANT ${grant} TO "${name}"`);
    return open({ connectionString: url.replace(/\/\/[^@]*@/, `//${name}:hf-test@`) });
  }

  it.each(['read committed', 'serializable'])(
    'twenty processes that start at once make it once, by default %s',
    async (level) => {
      const schema = fresh();
      const options = `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`;
      const pools = Array.from({ length: 20 }, () => open({ options }));
      await Promise.all(pools.map((pool) => pool.query('SELECT 1')));
      const id = makeId();
      const record = makeRecord();
      const answers = await Promise.all(
        pools.map((pool) => storeOf({ pool, schema, queryTimeout: '20s' }).create(id, record)),
      );
      expect(answers).toEqual(Array.from({ length: 20 }, () => 'created'));
      const { rows } = await open().query(`SELECT version FROM "${schema}"."sessions_migrations"`);
      expect(rows).toEqual([{ version: 1 }]);
    },
  );

  it('is left alone where it is right, by a role that could not make it', async () => {
    const schema = fresh();
    const admin = open();
    await storeOf({ pool: admin, schema }).read(makeId());
    const tables = `"${schema}"."sessions", "${schema}"."sessions_owners"`;
    const pool = await role(
      admin,
      schema,
      `USAGE ON SCHEMA "${schema}"`,
      `SELECT, INSERT, UPDATE, DELETE ON ${tables}`,
      `SELECT ON "${schema}"."sessions_migrations"`,
    );
    const id = makeId();
    expect(await storeOf({ pool, schema }).create(id, makeRecord())).toBe('created');
    await admin.query(`REVOKE UPDATE ON "${schema}"."sessions" FROM "${schema}_app"`);
    const error = await rejection(storeOf({ pool, schema }).touch(id, Date.now() * 2));
    expect(error).toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE', outcome: 'not-applied' });
    expect(error.message).toMatch(/lacks a privilege.*permission denied for table sessions/);
  });

  it('can not be made by a role that may not, and says so', async () => {
    const schema = fresh();
    const pool = await role(open(), schema);
    const error = await rejection(storeOf({ pool, schema }).read(makeId()));
    expect(error.code).toBe('ERR_SESSION_STORE_UNAVAILABLE');
    expect(error.message).toMatch(/lacks a privilege/);
  });

  it('is not touched with migrate: false; the SQL run by hand makes it, also twice', async () => {
    const schema = fresh();
    const pool = open();
    const store = storeOf({ pool, schema, migrate: false });
    const error = await rejection(store.read(makeId()));
    expect(error.message).toContain(
      `"${schema}"."sessions" has version 0 of the schema, and this release needs 1. Run what postgresSchema()`,
    );
    const { rows } = await pool.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema]);
    expect(rows).toHaveLength(0);
    const sql = postgresSchema({ schema });
    await pool.query(sql);
    await pool.query(sql);
    expect(await store.read(makeId())).toBeUndefined();
  });

  it('with migrate: false and no triggers, a watch says what to run', async () => {
    const schema = fresh();
    const pool = open();
    await pool.query(postgresSchema({ schema }));
    const store = storeOf({
      pool,
      schema,
      migrate: false,
      listen: () => new pg.Client({ connectionString: url }),
    });
    const error = await rejection(store.watch?.(() => undefined));
    expect(error.message).toContain(`Run: ALTER TABLE "${schema}"."sessions" ENABLE TRIGGER USER`);
    await pool.query(postgresSchema({ schema, notices: true }));
    const watch = await store.watch?.(() => undefined);
    await watch?.close();
    await store.close?.();
  });

  it('whose table somebody holds makes a watch fail in time, and not every change wait', async () => {
    const schema = fresh();
    const [pool, holder] = [open({ max: 2 }), open()];
    const store = storeOf({ pool, schema, listen: () => new pg.Client({ connectionString: url }) });
    await store.read(makeId());
    await holder.query(`BEGIN; LOCK TABLE "${schema}"."sessions" IN ROW EXCLUSIVE MODE`);
    expect(await rejection(store.watch?.(() => undefined))).toMatchObject({ code: '55P03' });
    await holder.query('ROLLBACK');
    await (await store.watch?.(() => undefined))?.close();
    await store.close?.();
  });

  it('of a newer release is refused, and nothing is done to it', async () => {
    const schema = fresh();
    const pool = open();
    await pool.query(postgresSchema({ schema }));
    await pool.query(`INSERT INTO "${schema}"."sessions_migrations" VALUES (2)`);
    const error = await rejection(storeOf({ pool, schema }).create(makeId(), makeRecord()));
    expect(error.message).toContain('has version 2 of the schema, and this release knows 1');
    expect((await pool.query(`SELECT FROM "${schema}"."sessions"`)).rows).toHaveLength(0);
  });

  it('that was dropped under a running store is one failed call, and then made again', async () => {
    const schema = fresh();
    const pool = open();
    const store = storeOf({ pool, schema });
    await store.create(makeId(), makeRecord());
    await dropSchema(pool, schema);
    expect((await rejection(store.read(makeId()))).message).toMatch(/not there/);
    expect(await store.create(makeId(), makeRecord())).toBe('created');
  });

  it('takes any names that are words, and keeps two tables of one schema apart', async () => {
    const schema = fresh();
    const pool = open();
    const id = makeId();
    for (const table of ['sessions', 'user', 'Select', 'a'.repeat(28)]) {
      const store = storeOf({ pool, schema, table });
      expect(await store.read(id)).toBeUndefined();
      expect(await store.create(id, makeRecord())).toBe('created');
    }
  });

  it.each([['a-b'], ['a"b'], ['"; DROP TABLE users; --'], ['1st'], [''], ['a'.repeat(29)], [7]])(
    'refuses the name %j',
    (name) => {
      const pool = open();
      expect(() => postgresStore({ pool, table: name as string })).toThrow(/postgresStore: table: expected at most 28/);
      expect(() => postgresSchema({ schema: name as string })).toThrow(/schema: expected at most 28/);
    },
  );
});
