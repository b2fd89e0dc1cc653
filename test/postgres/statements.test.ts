/** What each method costs: counted at the pool and by the server. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  makeEnding,
  makeId,
  makeOwner,
  makeOwning,
  makeRecord,
  makeVersion,
} from '../../src/stores/conformance/index.js';
import { type PostgresStore, postgresStore } from '../../src/stores/postgres.js';
import { dropSchema, freshSchema, poolOf, postgresAvailable, postgresUrl } from '../support/postgres-schema.js';
import { withHook } from './kit.js';

describe.runIf(postgresAvailable)('one method is one statement', () => {
  const schema = freshSchema();
  let pool: pg.Pool;
  let store: PostgresStore;
  let sent = 0;

  beforeAll(async () => {
    // One connection, so that its counter of transactions is that of the store.
    pool = poolOf(await postgresUrl(), { max: 1 });
    const hooked = withHook(pool);
    hooked.beforeCommand(() => void sent++);
    store = postgresStore({ pool: hooked.pool, schema, queryTimeout: '20s' });
    await store.read(makeId());
  });
  afterAll(async () => {
    await dropSchema(pool, schema);
    await pool.end();
  });

  it('read, update, touch and every other method, refused or not', async () => {
    const owner = makeOwner();
    const [id, next, evicting] = [makeId(owner), makeId(owner), makeId(owner)];
    const [record, later] = [makeRecord({ owner }), makeRecord({ owner })];
    const owning = makeOwning({ limit: 1, onExceed: 'evict-oldest' });
    const methods: Record<string, () => Promise<unknown>> = {
      create: async () => store.create(id, record, owning),
      read: async () => store.read(id),
      'a conflict': async () => store.update(id, makeRecord(), makeVersion()),
      update: async () => store.update(id, later, record.version),
      touch: async () => store.touch(id, record.idleDeadline + 5_000),
      replace: async () => store.replace(id, later.version, next, makeRecord({ owner }), makeEnding(), owning),
      'create that evicts': async () => store.create(evicting, makeRecord({ owner }), owning),
      'create at the limit': async () => store.create(makeId(owner), makeRecord({ owner }), makeOwning({ limit: 1 })),
      listByOwner: async () => store.listByOwner(owner),
      endByOwner: async () => store.endByOwner(owner, makeEnding()),
      end: async () => store.end(next, makeEnding()),
      scan: async () => store.scan(),
    };
    for (const [name, run] of Object.entries(methods)) {
      sent = 0;
      await run();
      expect([name, sent]).toEqual([name, 1]);
    }
  });

  it('nothing is left on the connection: no statement, no lock, no setting, no transaction', async () => {
    const { rows } = await pool.query(`SELECT
      (SELECT count(*)::int FROM pg_prepared_statements) AS statements,
      (SELECT count(*)::int FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory') AS locks,
      (SELECT count(*)::int FROM pg_settings WHERE source = 'session') AS settings,
      (SELECT count(*)::int FROM pg_listening_channels()) AS channels`);
    expect(rows).toEqual([{ statements: 0, locks: 0, settings: 0, channels: 0 }]);
  });

  it('a touch keeps the row on its page: no index is written, and a vacuum has less to do', async () => {
    const record = makeRecord();
    const id = makeId();
    await store.create(id, record);
    const place = async (): Promise<string> => {
      const { rows } = await pool.query(
        `SELECT (ctid::text::point)[0]::int AS page FROM "${schema}"."sessions" WHERE id = $1`,
        [id],
      );
      return String(rows[0]?.page);
    };
    const counts = async (): Promise<{ all: number; hot: number }> => {
      const { rows } = await pool.query(
        'SELECT pg_stat_get_xact_tuples_updated(c.oid)::int AS all, pg_stat_get_xact_tuples_hot_updated(c.oid)::int AS hot FROM pg_class c WHERE c.oid = $1::regclass',
        [`"${schema}"."sessions"`],
      );
      return rows[0];
    };
    const page = await place();
    // Counted within a transaction, so that no statistics collector has to be waited for.
    await pool.query('BEGIN');
    const before = await counts();
    await store.touch(id, record.idleDeadline + 60_000);
    expect(await counts()).toEqual({ all: before.all + 1, hot: before.hot + 1 });
    await pool.query('COMMIT');
    expect(await place()).toBe(page);
  });

  it('a touch to an earlier deadline writes nothing', async () => {
    const [id, record] = [makeId(), makeRecord()];
    await store.create(id, record);
    const version = async (): Promise<unknown> =>
      (await pool.query(`SELECT xmin FROM "${schema}"."sessions" WHERE id = $1`, [id])).rows;
    const before = await version();
    expect(await store.touch(id, record.idleDeadline)).toBe('touched');
    expect(await version()).toEqual(before);
  });

  it("an app's own parsers and the server's way of printing bytes change nothing", async () => {
    await pool.query("SET bytea_output = 'escape'");
    await pool.query('SET extra_float_digits = 0');
    const [id, record] = [makeId(), makeRecord({ bytes: Uint8Array.from({ length: 256 }, (_, index) => index) })];
    await store.create(id, record);
    expect(await store.read(id)).toEqual(record);
    await pool.query('RESET ALL');
  });

  it('a sweep looks again at what was used since, and goes on to what has expired', async () => {
    const now = Date.now();
    const used = Array.from({ length: 7 }, () => makeId());
    for (const id of used) {
      await store.create(id, makeRecord({ idleDeadline: now - 10 }));
      await store.touch(id, now + 60_000);
    }
    const expired = makeId();
    await store.create(expired, makeRecord({ idleDeadline: now - 5 }));
    expect(await store.sweep(now, 2)).toBe(1);
    expect(await store.read(expired)).toBeUndefined();
    for (const id of used) expect(await store.read(id)).toHaveProperty('bytes');
  });

  it('one sweeps at a time', async () => {
    const now = Date.now();
    await store.create(makeId(), makeRecord({ idleDeadline: now - 5 }));
    const other = poolOf(await postgresUrl(), { max: 1 });
    const rival = withHook(other);
    const second = postgresStore({ pool: rival.pool, schema, queryTimeout: '20s' });
    await second.read(makeId());
    await pool.query('BEGIN');
    expect(await store.sweep(now, 1)).toBe(1);
    expect(await second.sweep(now, 10)).toBe(0);
    await pool.query('COMMIT');
    await second.close?.();
    await other.end();
  });

  it('what was passed over because it was in use is still there, and is swept next time', async () => {
    const now = Date.now();
    const [held, free] = [makeId(), makeId()];
    for (const id of [held, free]) await store.create(id, makeRecord({ idleDeadline: now - 5 }));
    const other = poolOf(await postgresUrl(), { max: 1 });
    await other.query('BEGIN');
    await other.query(`SELECT FROM "${schema}"."sessions" WHERE id = $1 FOR UPDATE`, [held]);
    expect(await store.sweep(now, 10)).toBe(1);
    await other.query('ROLLBACK');
    expect(await store.sweep(now, 10)).toBe(1);
    await other.end();
  });
});
