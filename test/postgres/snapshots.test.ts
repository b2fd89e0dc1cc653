/**
 * A change that took its snapshot just before another one was committed. Held there by a trigger of the test, which
 * waits inside the UPDATE, after its snapshot.
 */
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SessionId } from '../../src/core/ids.js';
import type { MaybePromise } from '../../src/core/store.js';
import { makeEnding, makeId, makeRecord } from '../../src/stores/conformance/index.js';
import { type PostgresStore, postgresStore } from '../../src/stores/postgres.js';
import { dropSchema, freshSchema, poolOf, postgresAvailable, postgresUrl } from '../support/postgres-schema.js';
import { rejection } from './kit.js';

const late = 'holdfast late';

describe.runIf(postgresAvailable)('a change that another one overtakes while it looks', () => {
  const schema = freshSchema();
  const table = `"${schema}"."sessions"`;
  let pool: pg.Pool;
  let latePool: pg.Pool;
  let gate: pg.PoolClient;
  let store: PostgresStore;
  let lateStore: PostgresStore;

  beforeAll(async () => {
    pool = poolOf(await postgresUrl());
    latePool = poolOf(await postgresUrl(), { application_name: late });
    store = postgresStore({ pool, schema, queryTimeout: '30s' });
    lateStore = postgresStore({ pool: latePool, schema, queryTimeout: '30s' });
    await Promise.all([store.scan(), lateStore.scan()]);
    await pool.query(`
      CREATE FUNCTION "${schema}".wait() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF current_setting('application_name') = '${late}' THEN
          PERFORM pg_advisory_xact_lock_shared(hashtext('${schema}'));
        END IF;
        RETURN NULL;
      END $$;
      CREATE TRIGGER wait BEFORE UPDATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION "${schema}".wait();
    `);
    gate = await pool.connect();
  });
  beforeEach(() => gate.query(`SELECT pg_advisory_lock(hashtext('${schema}'))`));
  afterEach(() => gate.query('SELECT pg_advisory_unlock_all()'));
  afterAll(async () => {
    gate.release();
    await dropSchema(pool, schema);
    await Promise.all([pool.end(), latePool.end()]);
  });

  /** Makes the call, and `meanwhile` once its first UPDATE has its snapshot. */
  async function overtaken<T>(call: () => MaybePromise<T>, meanwhile: () => MaybePromise<unknown>): Promise<T> {
    const answer = call();
    const waiting = `SELECT count(*)::int AS n FROM pg_locks l JOIN pg_stat_activity a USING (pid)
      WHERE a.application_name = $1 AND a.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted`;
    while ((await gate.query(waiting, [late])).rows[0].n === 0);
    await meanwhile();
    await gate.query('SELECT pg_advisory_unlock_all()');
    return answer;
  }

  const isAlive = async (id: SessionId): Promise<boolean> => {
    const found = await store.read(id);
    return found !== undefined && 'version' in found;
  };

  it('an update never answers a conflict with the version that it expects', async () => {
    const [id, first, next] = [makeId(), makeRecord(), makeRecord()];
    const answer = await overtaken(
      () => lateStore.update(id, next, first.version),
      () => store.create(id, first),
    );
    expect(answer).toBe('updated');
    expect(await store.read(id)).toMatchObject({ version: next.version });
  });

  it('nor where another update has only now made that version', async () => {
    const [id, first, second, third] = [makeId(), makeRecord(), makeRecord(), makeRecord()];
    await store.create(id, first);
    const answer = await overtaken(
      () => lateStore.update(id, third, second.version),
      () => store.update(id, second, first.version),
    );
    expect(answer).toBe('updated');
    expect(await store.read(id)).toMatchObject({ version: third.version });
  });

  it('a touch that answers touched has moved the deadline', async () => {
    const [id, record] = [makeId(), makeRecord()];
    const later = record.idleDeadline + 5_000;
    const answer = await overtaken(
      () => lateStore.touch(id, later),
      () => store.create(id, record),
    );
    expect(answer).toBe('touched');
    expect(await store.read(id)).toMatchObject({ idleDeadline: later });
  });

  it('an end that answers yes has ended the session', async () => {
    const id = makeId();
    const answer = await overtaken(
      () => lateStore.end(id, makeEnding()),
      () => store.create(id, makeRecord()),
    );
    expect(answer).toBe(true);
    expect(await isAlive(id)).toBe(false);
  });

  it('a trigger of somebody else that keeps every change out is an error, not a loop and not an answer', async () => {
    await gate.query('SELECT pg_advisory_unlock_all()');
    const [id, record] = [makeId(), makeRecord()];
    await store.create(id, record);
    await pool.query(`
      CREATE FUNCTION "${schema}".refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER refuse BEFORE UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION "${schema}".refuse();
    `);
    const calls = {
      update: () => store.update(id, makeRecord(), record.version),
      touch: () => store.touch(id, record.idleDeadline + 5_000),
      end: () => store.end(id, makeEnding()),
    };
    for (const [name, call] of Object.entries(calls)) {
      const { message } = await rejection(call());
      expect([name, message]).toEqual([name, expect.stringMatching(/was refused that its rows allow: a trigger/)]);
    }
  });
});
