import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SessionError } from '../../src/core/errors.js';
import { isEnded, isWatchable } from '../../src/core/store.js';
import { makeEnding, makeId, makeOwner, makeOwning, makeRecord } from '../../src/stores/conformance/index.js';
import { type PostgresStore, postgresStore } from '../../src/stores/postgres.js';
import { needs } from '../support/needs.js';
import { poolOf } from '../support/postgres-schema.js';
import { type PostgresServer, startPostgres } from '../support/postgres-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { rejection } from './kit.js';

const binary = needs('postgres');

describe.runIf(binary)('a server in trouble', () => {
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

  function open(queryTimeout = '20s', options: pg.PoolConfig = {}): { pool: pg.Pool; store: PostgresStore } {
    const pool = poolOf(server.url, { max: 2, ...options });
    const store = postgresStore({ pool, queryTimeout });
    endings.push(async () => {
      await store.close?.();
      await pool.end();
    });
    return { pool, store };
  }

  it('that was killed and started again is used again, and has kept what it acknowledged', async () => {
    const { pool, store } = open();
    const [id, record, ended] = [makeId(), makeRecord(), makeId()];
    await store.create(id, record);
    await store.create(ended, makeRecord());
    await store.end(ended, makeEnding('signed-out'));
    await pool.query('CHECKPOINT');
    await server.kill();
    const calls = [store.read(id), store.update(id, makeRecord(), record.version), store.end(id, makeEnding())];
    // All at once: one that fails while another is waited for would count as unhandled.
    for (const error of await Promise.all(calls.map(rejection))) expect(error).toBeInstanceOf(Error);
    await server.restart();
    expect(await store.read(id)).toEqual(record);
    expect(await store.read(ended)).toMatchObject({ ended: 'signed-out' });
  });

  it('whose connections are cut, idle or in the middle of a call, costs that call and not the process', async () => {
    const { pool, store } = open('20s', { max: 1 });
    const other = open().pool;
    const [id, record] = [makeId(), makeRecord()];
    await store.create(id, record);
    const lost = once(pool, 'error');
    await other.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename IS NOT NULL',
    );
    await lost;
    expect(await store.read(id)).toEqual(record);
    // One that waits for a lock, so that it is surely under way.
    await other.query('BEGIN');
    await other.query('SELECT FROM "holdfast"."sessions" WHERE id = $1 FOR UPDATE', [id]);
    const next = makeRecord();
    const cut = rejection(store.update(id, next, record.version));
    const waiting = 'SELECT pid FROM pg_stat_activity WHERE wait_event_type = $1 AND pid <> pg_backend_pid()';
    let rows: unknown[] = [];
    while (rows.length === 0) ({ rows } = await other.query(waiting, ['Lock']));
    await other.query(`SELECT pg_terminate_backend(pid) FROM (${waiting}) w`, ['Lock']);
    expect(await cut).toMatchObject({ code: '57P01' });
    await other.query('ROLLBACK');
    expect(await store.read(id)).toEqual(record);
    expect(await store.update(id, next, record.version)).toBe('updated');
  });

  it('whose answer is lost with the connection costs that call and not the process; the change was made once', async () => {
    const link = await TcpProxy.to(server.port);
    endings.push(() => link.close());
    const { pool, store } = open('20s', {
      max: 1,
      connectionString: server.url.replace(`:${server.port}/`, `:${link.port}/`),
    });
    const [id, record, next] = [makeId(), makeRecord(), makeRecord()];
    await store.create(id, record);
    // A client in use tells of its loss by an event of its own, and Node ends a process in which nobody hears it.
    const inUse = once(pool, 'acquire').then(([client]) => client as pg.PoolClient);
    const listeners = inUse.then((client) => setImmediate().then(() => client.listenerCount('error')));
    const lost = link.loseReplyTo((sent) => sent.includes('sessions_update'));
    const [error] = await Promise.all([rejection(store.update(id, next, record.version)), lost]);
    expect(error.message).toMatch(/terminated/);
    expect(await listeners).toBe(1);
    expect(await store.update(id, next, record.version)).toBe('updated');
    expect(await store.read(id)).toMatchObject({ version: next.version });
  });

  it('that shuts down with the very bytes that let a connection in costs that call and not the process', async () => {
    // Hands on what the server says once it has said all.
    const atOnce = createServer((client) => {
      const said: Buffer[] = [];
      const upstream = connect(server.port, '127.0.0.1');
      client.pipe(upstream);
      upstream.on('data', (chunk) => said.push(chunk)).on('end', () => client.end(Buffer.concat(said)));
      client.on('error', () => upstream.destroy());
    }).listen(0, '127.0.0.1');
    await once(atOnce, 'listening');
    endings.push(async () => void atOnce.close());
    const other = open().pool;
    const { port } = atOnce.address() as AddressInfo;
    const { pool, store } = open('20s', { connectionString: server.url.replace(`:${server.port}/`, `:${port}/`) });
    const listeners: number[] = [];
    // A tick comes before whatever waits for a promise.
    pool.on('acquire', (client) => process.nextTick(() => listeners.push(client.listenerCount('error'))));
    const cut = rejection(store.read(makeId()));
    const others =
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = $1';
    let rows: unknown[] = [];
    while (rows.length === 0) ({ rows } = await other.query(others, ['idle']));
    expect((await cut).message).toMatch(/connection/);
    expect(listeners).toEqual([1]);
  });

  it('that does not answer fails a call in its time; what was sent is done once, and what was not is never sent', async () => {
    const { pool, store } = open('3s', { max: 1 });
    const [id, record, never] = [makeId(), makeRecord(), makeId()];
    await store.create(id, record);
    const next = makeRecord();
    server.pause();
    // The second waits for the connection of the first for longer than its caller does.
    const [sent, unsent] = [
      rejection(store.update(id, next, record.version)),
      rejection(store.create(never, makeRecord())),
    ];
    expect((await sent).message).toMatch(/timeout/);
    server.resume();
    expect(await unsent).toBeInstanceOf(Error);
    expect(pool.totalCount).toBeLessThanOrEqual(1);
    const healthy = open().store;
    // Applied or not, the same call again is answered as if it were the only one.
    expect(await healthy.update(id, next, record.version)).toBe('updated');
    expect(await healthy.read(id)).toMatchObject({ version: next.version });
    expect(await healthy.update(id, next, record.version)).toBe('updated');
  });

  it('that is down when the first call comes is asked again by the next one', async () => {
    const { store } = open();
    await server.kill();
    expect(await rejection(store.read(makeId()))).toBeInstanceOf(Error);
    await server.restart();
    expect(await store.read(makeId())).toBeUndefined();
  });

  it('a read-only server is a fault, and no answer', async () => {
    const readOnly = open('20s', { options: '-c default_transaction_read_only=on' }).store;
    const { store } = open();
    const [id, record] = [makeId(), makeRecord()];
    await store.create(id, record);
    const error = await rejection(readOnly.end(id, makeEnding()));
    expect(error).toBeInstanceOf(SessionError);
    expect(error.message).toMatch(/read-only: a standby/);
    expect(await readOnly.read(id)).toEqual(record);
  });

  it('sign-ins and revocations of two owners that cross each other never wait in a circle', async () => {
    const { pool, store } = open('20s', { max: 8 });
    const owners = [makeOwner(), makeOwner()];
    const other = (index: number) => owners[(index + 1) % 2] ?? makeOwner();
    for (let round = 0; round < 5; round++) {
      const held = await Promise.all(
        Array.from({ length: 8 }, async (_, index) => {
          const owner = owners[index % 2] ?? makeOwner();
          const [id, record] = [makeId(owner), makeRecord({ owner })];
          await store.create(id, record);
          return { id, record, index };
        }),
      );
      const owning = makeOwning({ limit: 2, onExceed: 'evict-oldest' });
      await Promise.all([
        // Each takes a session of one owner away and gives the other one a session more, which evicts.
        ...held.map(({ id, record, index }) => {
          const owner = other(index);
          return store.replace(
            id,
            record.version,
            makeId(owner),
            makeRecord({ owner }),
            makeEnding('replaced'),
            owning,
          );
        }),
        ...owners.map((owner) => store.endByOwner(owner, makeEnding('revoked', 1))),
      ]);
    }
    const { rows } = await pool.query('SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()');
    expect(rows).toEqual([{ deadlocks: 0 }]);
    for (const owner of owners) {
      const live = (await store.listByOwner(owner)).filter(({ record }) => !isEnded(record));
      expect(live.length).toBeLessThanOrEqual(2);
    }
  });
});

describe('what is no pool is refused', () => {
  it.each([[undefined], [null], ['postgres://user:hunter2@host/db'], [{}], [{ query() {}, connect() {} }]])(
    '%#',
    (pool) => {
      const open = (): unknown => postgresStore({ pool: pool as never });
      expect(open).toThrow(/postgresStore: pool: expected a (Pool of pg|value)/);
      expect(open).not.toThrow(/hunter2/);
    },
  );

  it('a single client, a pool without connectionTimeoutMillis, and an unknown option', async () => {
    expect(() => postgresStore({ pool: new pg.Client() as never })).toThrow(/a single Client does not reconnect/);
    const pool = new pg.Pool();
    expect(() => postgresStore({ pool })).toThrow(/has no connectionTimeoutMillis/);
    const binary = new pg.Pool({ connectionTimeoutMillis: 1, ...{ binary: true } });
    expect(() => postgresStore({ pool: binary })).toThrow(/its option binary/);
    const good = new pg.Pool({ connectionTimeoutMillis: 1 });
    expect(() => postgresStore({ pool: good, shema: 'x' } as never)).toThrow(/Did you mean 'schema'/);
    expect(() => postgresStore({ pool: good, listen: 'postgres://user:hunter2@host' as never })).toThrow(
      /listen: expected a function/,
    );
    expect(isWatchable(postgresStore({ pool: good }))).toBe(false);
    await Promise.all([pool.end(), good.end()]);
  });
});
