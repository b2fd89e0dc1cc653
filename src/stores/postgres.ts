/**
 * Sessions in PostgreSQL (12 or later), through a `Pool` of pg 8 that the user passes in and closes, directly or behind
 * PgBouncer in transaction mode.
 *
 * One table for records and markers, one for what bars an owner, and functions for the changes that look before they
 * write: postgres/sql, brought up to date by postgres/schema.ts. Each method is one statement, one round trip and one
 * transaction (postgres/statements.ts), but `sweep`, which takes one for each batch that it looks at.
 *
 * Atomic: every method, limits and evictions included. Whoever adds or ends an owner's sessions first writes that
 * owner's row, owners before sessions and in one order, so nobody waits in a circle; `create` and `replace` count what
 * is there once they have it. That holds under READ COMMITTED by itself. Under REPEATABLE READ and SERIALIZABLE the
 * second of two such transactions is rolled back by the server and sent again (postgres/port.ts).
 *
 * Notices: triggers of the table, so that whoever changes or removes a session is heard, a person at a prompt too; they
 * carry its id. They are off until a store watches. Never on a touch.
 *
 * Time is always an argument. Nothing expires by itself; `sweep` removes what has.
 *
 * Faults are passed on as rejections. A query without an answer ends with its connection after `queryTimeout`.
 */
import { durationMs } from '../core/duration.js';
import { describe, SessionError } from '../core/errors.js';
import type { OwnerHash, SessionId, Version } from '../core/ids.js';
import { callable, flag, takeOptions } from '../core/options.js';
import type {
  CreateResult,
  Ended,
  Ending,
  OwnerIndexed,
  Owning,
  ReplaceResult,
  Scannable,
  SessionStore,
  StoredEntry,
  StoredRecord,
  Sweepable,
  UpdateResult,
  Watchable,
} from '../core/store.js';
import { faultOf, isMissing } from './postgres/faults.js';
import { Names } from './postgres/names.js';
import { type PostgresPool, PostgresPort, type Row } from './postgres/port.js';
import { answerIn, endingValues, entryOf, foundIn, moment, owningValues, recordValues } from './postgres/rows.js';
import { enableNotices, migrationScript, Schema } from './postgres/schema.js';
import { type Statements, statementsFor } from './postgres/statements.js';
import { sweepInBatches } from './postgres/sweep.js';
import type { PostgresListenClient } from './postgres/watch/link.js';
import { Watching } from './postgres/watch/watch.js';

export type { PostgresPool, PostgresPoolClient, PostgresQuery } from './postgres/port.js';
export type { PostgresListenClient } from './postgres/watch/link.js';

export interface PostgresNames {
  /** The schema that everything lies in; made if it is absent. At most 28 letters, digits and underscores. Default `'holdfast'`. */
  readonly schema?: string | undefined;
  /** The table, and the beginning of every other name. At most 28 letters, digits and underscores. Default `'sessions'`. */
  readonly table?: string | undefined;
}

export interface PostgresStoreOptions extends PostgresNames {
  /** A `Pool` of pg 8 with `connectionTimeoutMillis`; it stays the caller's to end. It must ask the primary. */
  readonly pool: PostgresPool;
  /** False: whoever runs `postgresSchema()` by hand. Default true: the first call brings the schema up to date. */
  readonly migrate?: boolean | undefined;
  /**
   * Makes a new, unconnected `Client` of pg for `watch`, each time that it connects. To the same database as the pool,
   * and directly: a pooler in transaction mode keeps the notices. Default: none, and then the store has no `watch`.
   */
  readonly listen?: (() => PostgresListenClient) | undefined;
  /** How long a query may take, or wait for a connection. Then it fails, and its connection is dropped. Default `'2s'`. */
  readonly queryTimeout?: string | undefined;
}

export interface PostgresStore extends SessionStore, OwnerIndexed, Scannable, Sweepable, Partial<Watchable> {
  read(id: SessionId): Promise<StoredRecord | Ended | undefined>;
  listByOwner(owner: OwnerHash): Promise<readonly StoredEntry[]>;
}

/**
 * Keeps sessions in PostgreSQL. Throws ERR_SESSION_OPTION for an option that it does not know or can't use. Methods
 * reject with ERR_SESSION_STORE_FULL when the server's disk is full, with ERR_SESSION_STORE_UNAVAILABLE where the schema
 * or a privilege is amiss, and with pg's own error for every other fault.
 */
export function postgresStore(options: PostgresStoreOptions): PostgresStore {
  const { pool, schema, table, migrate, listen, queryTimeout } = takeOptions<PostgresStoreOptions>(
    options,
    ['pool', 'schema', 'table', 'migrate', 'listen', 'queryTimeout'],
    'postgresStore',
  );
  const names = new Names(schema ?? 'holdfast', table ?? 'sessions');
  const migrates = flag(migrate ?? true, 'postgresStore: migrate');
  if (listen !== undefined) callable(listen, 'postgresStore: listen');
  const timeoutMs = durationMs(queryTimeout ?? '2s', 'postgresStore: queryTimeout', { maxMs: 60_000 });
  const port = new PostgresPort(pool, timeoutMs);
  const statements = statementsFor(names);
  const known = new Schema(port, names, statements, migrates);
  const prepare = async (): Promise<void> => {
    known.doubt();
    await known.prepare();
    await known.turnNoticesOn();
  };
  const base = { port, statements, channel: names.channel, timeoutMs, prepare };
  return new Postgres(port, names, statements, known, listen && new Watching({ ...base, listen }));
}

/**
 * The SQL that `postgresStore` would run, for those who run it themselves and pass `migrate: false`. It may be run
 * again, and by several at once. `notices` adds what `watch` needs.
 */
export function postgresSchema(options: PostgresNames & { readonly notices?: boolean | undefined } = {}): string {
  const { schema, table, notices } = takeOptions<PostgresNames & { notices?: boolean }>(
    options,
    ['schema', 'table', 'notices'],
    'postgresSchema',
  );
  const names = new Names(schema ?? 'holdfast', table ?? 'sessions');
  const script = migrationScript(names);
  return flag(notices ?? false, 'postgresSchema: notices') ? `${script}${enableNotices(names)};\n` : script;
}

const pageSize = 500;

class Postgres implements PostgresStore {
  readonly name = 'postgres';
  readonly networked = true;
  readonly watch?: Watchable['watch'];
  readonly #port: PostgresPort;
  readonly #names: Names;
  readonly #statements: Statements;
  readonly #schema: Schema;
  readonly #watching: Watching | undefined;

  constructor(port: PostgresPort, names: Names, statements: Statements, schema: Schema, watching?: Watching) {
    this.#port = port;
    this.#names = names;
    this.#statements = statements;
    this.#schema = schema;
    this.#watching = watching;
    // A capability is found by its method, so without a connection to listen on there is none.
    if (watching) this.watch = (onChange) => watching.watch(onChange);
  }

  async create(id: SessionId, record: StoredRecord, owning?: Owning): Promise<CreateResult> {
    const values = [id, ...recordValues(record), ...owningValues(record, owning)];
    return answerIn(await this.#run('create', values)) as CreateResult;
  }

  async read(id: SessionId): Promise<StoredRecord | Ended | undefined> {
    return foundIn(await this.#run('read', [id]));
  }

  async update(id: SessionId, record: StoredRecord, expected: Version): Promise<UpdateResult> {
    const [version, bytes, idleDeadline] = recordValues(record);
    return answerIn(await this.#run('update', [id, version, bytes, idleDeadline, expected])) as UpdateResult;
  }

  async touch(id: SessionId, idleDeadline: number): Promise<'touched' | 'gone'> {
    return answerIn(await this.#run('touch', [id, moment(idleDeadline)])) as 'touched' | 'gone';
  }

  async end(id: SessionId, ending: Ending): Promise<boolean> {
    return answerIn(await this.#run('end', [id, ...endingValues(ending)])) === 'ended';
  }

  async replace(
    oldId: SessionId,
    expected: Version,
    id: SessionId,
    record: StoredRecord,
    ending: Ending,
    owning?: Owning,
  ): Promise<ReplaceResult> {
    const values = [
      oldId,
      expected,
      id,
      ...recordValues(record),
      ...endingValues(ending),
      ...owningValues(record, owning),
    ];
    return answerIn(await this.#run('replace', values)) as ReplaceResult;
  }

  async listByOwner(owner: OwnerHash): Promise<readonly StoredEntry[]> {
    return (await this.#run('listByOwner', [owner])).map(entryOf);
  }

  async endByOwner(
    owner: OwnerHash,
    ending: Ending,
    options: { readonly except?: SessionId } = {},
  ): Promise<readonly SessionId[]> {
    const rows = await this.#run('endByOwner', [owner, ...endingValues(ending), options.except ?? null]);
    return rows.map(({ id }) => id as SessionId);
  }

  /** By id, which never changes; nothing is kept between pages. */
  async scan(cursor = ''): Promise<{ readonly entries: readonly StoredEntry[]; readonly cursor?: string }> {
    if (!/^([\w-]{27})?$/.test(cursor)) {
      throw new SessionError(
        'ERR_SESSION_ARGUMENT',
        `scan: expected a cursor that scan() answered, got ${describe(cursor)}. Start without one.`,
      );
    }
    const rows = await this.#run('scan', [cursor, pageSize]);
    const entries = rows.map(entryOf);
    const last = entries.at(-1);
    return last && entries.length === pageSize ? { entries, cursor: last.id } : { entries };
  }

  async sweep(now: number, limit: number): Promise<number> {
    const key = this.#names.lockKey('sweep');
    return sweepInBatches(limit, async (most) => {
      const [row] = await this.#run('sweep', [key, Math.floor(now), most]);
      return { removed: Number(row?.removed), postponed: Number(row?.postponed) };
    });
  }

  async close(): Promise<void> {
    this.#watching?.close();
    this.#port.close();
  }

  async #run(name: keyof Statements, values: unknown[]): Promise<readonly Row[]> {
    await this.#schema.prepare();
    try {
      return await this.#port.run(this.#statements[name], values);
    } catch (error) {
      if (isMissing(error)) this.#schema.doubt();
      throw faultOf(error);
    }
  }
}
