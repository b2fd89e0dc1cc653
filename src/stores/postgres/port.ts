/**
 * What we ask of `pg`: a pool that lends a client for one query. Nothing is left behind on a connection (no named
 * statement, no SET, no session lock), so that a pooler in transaction mode may stand in between.
 *
 * A query that is not answered within its time costs its connection, so that a link that hangs half-open does not hold
 * the pool for ever. One that waited so long for a connection is not sent: its caller has given up.
 *
 * A transaction that Postgres gave up on for another one's sake is sent again: nothing of it was done. It happens under
 * REPEATABLE READ and SERIALIZABLE, whichever of the pool's settings or the role's makes them the default.
 */
import { performance } from 'node:perf_hooks';
import { describe, SessionError } from '../../core/errors.js';
import { isPromise } from '../../core/maybe-promise.js';
import type { MaybePromise } from '../../core/store.js';

export interface PostgresQuery {
  readonly text: string;
  readonly values?: unknown[];
  readonly types?: { getTypeParser(): (value: string) => string };
  readonly query_timeout?: number;
}

export type Row = Readonly<Record<string, string | null>>;

export interface PostgresQueryable {
  query(query: PostgresQuery): Promise<{ readonly rows: unknown[] }>;
}

export interface PostgresPoolClient extends PostgresQueryable {
  release(destroy?: boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/** `Pool` of pg 8, or what has its methods. */
export interface PostgresPool {
  readonly totalCount: number;
  connect(lend: (error: Error | undefined, client: PostgresPoolClient | undefined) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/** Every value as the server spells it, whatever parsers the app has registered for its own queries. */
const types = { getTypeParser: () => (value: string) => value };

export const queryOf = (text: string, values: unknown[], timeoutMs: number): PostgresQuery => ({
  text,
  values,
  types,
  query_timeout: timeoutMs,
});

/** Each time one of those that collided gets through, and a pool has tens of connections, not thousands. */
const attempts = 100;

const scriptTimeoutMs = 60_000;

export class PostgresPort {
  readonly #pool: PostgresPool;
  readonly #timeoutMs: number;
  /**
   * The pool tells of idle connections that were lost, and a client in use of its own; Node ends a process in which nobody
   * listens. The query under way says it, or the next one.
   */
  readonly #ignore = (): void => undefined;

  constructor(pool: unknown, timeoutMs: number) {
    this.#pool = checkPool(pool);
    this.#timeoutMs = timeoutMs;
    this.#pool.on('error', this.#ignore);
  }

  /** One round trip, one statement, one transaction; more only where another transaction got in the way. */
  async run(text: string, values: unknown[]): Promise<readonly Row[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#send(queryOf(text, values, this.#timeoutMs), this.#timeoutMs);
      } catch (error) {
        if (attempt === attempts || !mustRepeat(error)) throw error;
      }
    }
  }

  /**
   * Several statements in one message, which bring their own BEGIN and COMMIT and may take their time, but not for ever:
   * every call of the process waits for a migration.
   */
  async script(text: string): Promise<void> {
    await this.#send({ text, query_timeout: scriptTimeoutMs }, scriptTimeoutMs);
  }

  close(): void {
    this.#pool.off('error', this.#ignore);
  }

  /**
   * By a callback, in which it is listened to at once: the pool has stopped by then, and a server that shuts down may say
   * so in the very bytes with which it lets a connection in. After a promise it would be too late.
   */
  #borrow(): Promise<PostgresPoolClient> {
    return new Promise((resolve, reject) => {
      const lend = (client: PostgresPoolClient | undefined): void => {
        if (!client) return;
        client.on('error', this.#ignore);
        resolve(client);
      };
      const promised = this.#pool.connect((error, client) => (client ? lend(client) : reject(error))) as MaybePromise<
        PostgresPoolClient | undefined
      >;
      // What wraps a pool may know promises only, and never call back.
      if (isPromise(promised)) promised.then(lend, reject);
    });
  }

  async #send(query: PostgresQuery, patienceMs: number): Promise<readonly Row[]> {
    const asked = performance.now();
    const client = await this.#borrow();
    let broken = true;
    try {
      if (performance.now() - asked > patienceMs) {
        broken = false;
        throw new SessionError(
          'ERR_SESSION_STORE_UNAVAILABLE',
          `postgresStore: no connection of the pool was free within ${patienceMs} ms. Raise the pool's max, or look for what holds its connections.`,
          { outcome: 'not-applied' },
        );
      }
      const { rows } = await client.query(query);
      broken = false;
      return rows as readonly Row[];
    } catch (error) {
      if (mustRepeat(error)) broken = false;
      throw error;
    } finally {
      client.release(broken);
      // After the release, from which on the pool listens itself.
      client.off('error', this.#ignore);
    }
  }
}

/** The SQLSTATE of an error that the server sent. */
export function sqlState(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** serialization_failure and deadlock_detected: rolled back, and worth another try. */
function mustRepeat(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01';
}

function checkPool(pool: unknown): PostgresPool {
  const isPool =
    typeof pool === 'object' &&
    pool !== null &&
    typeof Reflect.get(pool, 'totalCount') === 'number' &&
    ['connect', 'on', 'off'].every((method) => typeof Reflect.get(pool, method) === 'function');
  if (!isPool) {
    throw new SessionError(
      'ERR_SESSION_OPTION',
      // A string in this place has a password in it.
      `postgresStore: pool: expected a Pool of pg, got ${typeof pool === 'string' ? 'a string' : describe(pool)}. Pass new pg.Pool({ connectionString, connectionTimeoutMillis: 2000 }); a single Client does not reconnect.`,
    );
  }
  const options: unknown = Reflect.get(pool, 'options');
  if (typeof options === 'object' && options !== null && !Reflect.get(options, 'connectionTimeoutMillis')) {
    throw new SessionError(
      'ERR_SESSION_OPTION',
      'postgresStore: pool: it has no connectionTimeoutMillis, so a connection attempt that hangs would hold its place for ever. Set it, to 2000 for one.',
    );
  }
  if (typeof options === 'object' && options !== null && Reflect.get(options, 'binary')) {
    throw new SessionError(
      'ERR_SESSION_OPTION',
      'postgresStore: pool: its option binary makes pg answer in another form, which a query can not choose for itself. Pass a pool without it.',
    );
  }
  return pool as unknown as PostgresPool;
}
