/** What a watch hears, from whom, and what it says while its connection is away. */
import pg from 'pg';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SessionId } from '../../src/core/ids.js';
import type { Watch } from '../../src/core/store.js';
import { makeEnding, makeId, makeRecord } from '../../src/stores/conformance/index.js';
import { type PostgresPool, type PostgresQuery, type PostgresStore, postgresStore } from '../../src/stores/postgres.js';
import { deferred } from '../support/deferred.js';
import { needs } from '../support/needs.js';
import { freshSchema, poolOf } from '../support/postgres-schema.js';
import { type PostgresServer, startPostgres } from '../support/postgres-server.js';
import { rejection } from './kit.js';

const binary = needs('postgres');

describe.runIf(binary)('a watch', () => {
  const endings: (() => Promise<unknown>)[] = [];
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres(binary ?? '');
    return () => server.stop();
  });
  afterEach(async () => {
    server.resume();
    for (const ending of endings.splice(0).reverse()) await ending();
  });

  interface Scene {
    readonly pool: pg.Pool;
    readonly table: string;
    readonly store: PostgresStore;
    /** The clients that it made to listen, the latest last. */
    readonly clients: pg.Client[];
    readonly heard: (SessionId | 'all')[];
    readonly watch: Watch;
    /** Resolves when `'all'` is heard after this call. */
    all(): Promise<void>;
  }

  async function open(queryTimeout = '20s'): Promise<Scene> {
    const schema = freshSchema();
    const pool = poolOf(server.url, { max: 2 });
    const clients: pg.Client[] = [];
    const listen = (): pg.Client => {
      const client = new pg.Client({ connectionString: server.url });
      clients.push(client);
      return client;
    };
    const store = postgresStore({ pool, schema, listen, queryTimeout });
    const heard: (SessionId | 'all')[] = [];
    const waiting: (() => void)[] = [];
    const watch = await store.watch?.((id) => {
      heard.push(id);
      if (id === 'all') for (const resolve of waiting.splice(0)) resolve();
    });
    if (!watch) throw new Error('no watch');
    endings.push(async () => {
      await store.close?.();
      await pool.end();
    });
    const all = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
    return { pool, table: `"${schema}"."sessions"`, store, clients, heard, watch, all };
  }

  const told = async ({ watch, heard }: Scene): Promise<(SessionId | 'all')[]> => {
    await watch.heartbeat();
    return heard.splice(0);
  };

  it('hears whoever changes a session, a person at a prompt too, and neither a touch nor the end of a marker', async () => {
    const scene = await open();
    const { pool, store, table } = scene;
    const ids = Array.from({ length: 4 }, () => makeId()) as [SessionId, SessionId, SessionId, SessionId];
    for (const id of ids) await store.create(id, makeRecord());
    await store.touch(ids[0], Date.now() * 2);
    expect(await told(scene)).toEqual([]);
    await pool.query(`UPDATE ${table} SET version = 'by-hand' WHERE id = $1`, [ids[0]]);
    await pool.query(`DELETE FROM ${table} WHERE id = $1`, [ids[1]]);
    await store.end(ids[2], makeEnding());
    expect(await told(scene)).toEqual([ids[0], ids[1], ids[2]]);
    await pool.query(`DELETE FROM ${table} WHERE id = $1`, [ids[2]]);
    expect(await told(scene)).toEqual([]);
    await pool.query(`TRUNCATE ${table}`);
    expect(await told(scene)).toEqual(['all']);
  });

  it('hears nothing of a transaction that was rolled back', async () => {
    const scene = await open();
    const id = makeId();
    await scene.store.create(id, makeRecord());
    await scene.pool.query(
      `DO $$ BEGIN BEGIN DELETE FROM ${scene.table}; RAISE 'no'; EXCEPTION WHEN OTHERS THEN END; END $$`,
    );
    expect(await told(scene)).toEqual([]);
  });

  it('takes a notice that is none of its own for anything may have changed', async () => {
    const scene = await open();
    await scene.pool.query("SELECT pg_notify($1, 'what is this')", [scene.table.replaceAll('"', '')]);
    expect(await told(scene)).toEqual(['all']);
  });

  it('that lost its connection says so, answers nothing from then on, and says so again when it has another', async () => {
    const scene = await open();
    const { watch, pool, store, clients } = scene;
    const id = makeId();
    await store.create(id, makeRecord());
    const down = scene.all();
    await pool.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_catalog.pg_notify%' AND pid <> pg_backend_pid() OR query LIKE 'LISTEN%'",
    );
    await down;
    const up = scene.all();
    expect(await rejection(watch.read(id))).toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE' });
    expect(await rejection(watch.heartbeat())).toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE' });
    await up;
    expect(clients.length).toBeGreaterThanOrEqual(2);
    scene.heard.length = 0;
    await store.end(id, makeEnding());
    expect(await told(scene)).toEqual([id]);
  });

  it.each([
    ['turned off', 'ALTER TABLE $ DISABLE TRIGGER USER'],
    ['turned off but for replication', 'ALTER TABLE $ ENABLE REPLICA TRIGGER sessions_changed'],
    [
      'dropped with their table',
      'DROP TABLE $ CASCADE; TRUNCATE "schema"."sessions_migrations"; DROP SCHEMA "schema" CASCADE',
    ],
  ])('whose triggers were %s says so at the next heartbeat, and hears again after it', async (_, sql) => {
    const scene = await open();
    const { watch, pool, store, table } = scene;
    const [down, id] = [scene.all(), makeId()];
    await pool.query(sql.replaceAll('$', table).replaceAll('"schema"', table.split('.')[0] ?? ''));
    expect((await rejection(watch.heartbeat())).message).toMatch(/made again, or its triggers are off/);
    await down;
    await scene.all();
    scene.heard.length = 0;
    await store.create(id, makeRecord());
    await store.end(id, makeEnding());
    expect(await told(scene)).toEqual([id]);
  });

  it('hears of a deadline that was shortened by hand', async () => {
    const scene = await open();
    const id = makeId();
    await scene.store.create(id, makeRecord());
    await scene.pool.query(`UPDATE ${scene.table} SET idle_deadline = 0 WHERE id = $1`, [id]);
    expect(await told(scene)).toEqual([id]);
  });

  it('refuses a read when 256 wait, and its heartbeat goes ahead of those', async () => {
    const { watch } = await open();
    const order: string[] = [];
    const reads = Array.from({ length: 300 }, () =>
      Promise.resolve(watch.read(makeId())).then(
        () => order.push('read'),
        (error) => order.push(error.code),
      ),
    );
    const beat = Promise.resolve(watch.heartbeat()).then(() => order.push('beat'));
    await Promise.all([...reads, beat]);
    expect(order.filter((one) => one === 'ERR_SESSION_STORE_UNAVAILABLE')).toHaveLength(43);
    expect(order.filter((one) => one !== 'ERR_SESSION_STORE_UNAVAILABLE').indexOf('beat')).toBeLessThan(5);
  });

  it('whose connection died between its first notice and the reply of the pool is not opened', async () => {
    const pool = poolOf(server.url, { max: 2 });
    const clients: pg.Client[] = [];
    const listen = (): pg.Client => {
      const client = new pg.Client({ connectionString: server.url });
      clients.push(client);
      return client;
    };
    let cut = true;
    const hooked = {
      totalCount: 0,
      on: (event: 'error', listener: () => void) => pool.on(event, listener),
      off: (event: 'error', listener: () => void) => pool.off(event, listener),
      async connect() {
        const client = await pool.connect();
        return {
          release: (destroy?: boolean) => client.release(destroy),
          on: (event: 'error', listener: (error: Error) => void) => client.on(event, listener),
          off: (event: 'error', listener: (error: Error) => void) => client.off(event, listener),
          async query(query: PostgresQuery) {
            const listener = clients.at(-1);
            if (!cut || !query.text.includes('pg_notify') || !listener) return client.query(query);
            cut = false;
            const heard = new Promise((resolve) => listener.once('notification', resolve));
            const ended = new Promise((resolve) => listener.once('end', resolve));
            const answer = await client.query(query);
            await heard;
            await pool.query('SELECT pg_terminate_backend($1)', [Reflect.get(listener, 'processID')]);
            await ended;
            return answer;
          },
        };
      },
    };
    const store = postgresStore({
      pool: hooked as unknown as PostgresPool,
      schema: freshSchema(),
      listen,
      queryTimeout: '20s',
    });
    endings.push(async () => {
      await store.close?.();
      await pool.end();
    });
    expect((await rejection(store.watch?.(() => undefined))).code).toBe('ERR_SESSION_STORE_UNAVAILABLE');
    const watch = await store.watch?.(() => undefined);
    await watch?.heartbeat();
    expect(clients).toHaveLength(2);
  });

  it('outlives the server', async () => {
    const scene = await open();
    const down = scene.all();
    await server.kill();
    await down;
    const up = scene.all();
    await server.restart();
    await up;
    await scene.watch.heartbeat();
  });

  it('whose server hangs gives the connection up when a heartbeat is not answered', async () => {
    const scene = await open('3s');
    const down = scene.all();
    server.pause();
    expect((await rejection(scene.watch.heartbeat())).message).toMatch(/listening connection is down/);
    await down;
    const up = scene.all();
    server.resume();
    await up;
  });

  it('shares one connection with every other watch of its store, and the last one closes it', async () => {
    const scene = await open();
    const late = deferred<void>();
    const second = await scene.store.watch?.(() => late.resolve());
    expect(scene.clients).toHaveLength(1);
    await scene.watch.close();
    await second?.heartbeat();
    const closed = new Promise((resolve) => scene.clients[0]?.once('end', () => resolve(undefined)));
    await second?.close();
    await closed;
    expect(await rejection(scene.watch.heartbeat())).toMatchObject({ code: 'ERR_SESSION_STORE_UNAVAILABLE' });
  });

  it('a listener that throws does not keep the others from hearing', async () => {
    const scene = await open();
    const warned = new Promise((resolve) => process.once('warning', resolve));
    const broken = await scene.store.watch?.(() => {
      throw new Error('a bug');
    });
    const id = makeId();
    await scene.store.create(id, makeRecord());
    await scene.store.end(id, makeEnding());
    expect(await told(scene)).toEqual([id]);
    expect(String(await warned)).toMatch(/a listener of postgresStore threw: Error: a bug/);
    await broken?.close();
  });

  it('notices are off until somebody watches, and then every writer sends them', async () => {
    const schema = freshSchema();
    const pool = poolOf(server.url, { max: 2 });
    const writer = postgresStore({ pool, schema, queryTimeout: '20s' });
    const enabled = async (): Promise<unknown> =>
      (await pool.query(`SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgrelid = '"${schema}"."sessions"'::regclass`))
        .rows;
    const id = makeId();
    await writer.create(id, makeRecord());
    expect(await enabled()).toEqual([{ tgenabled: 'D' }]);
    const watcher = postgresStore({
      pool,
      schema,
      queryTimeout: '20s',
      listen: () => new pg.Client({ connectionString: server.url }),
    });
    const heard: string[] = [];
    const watch = await watcher.watch?.((one) => heard.push(one));
    expect(await enabled()).toEqual([{ tgenabled: 'O' }]);
    await writer.end(id, makeEnding());
    await watch?.heartbeat();
    expect(heard).toEqual([id]);
    await watcher.close?.();
    await pool.end();
  });
});
