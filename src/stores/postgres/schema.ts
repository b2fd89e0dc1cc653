/**
 * Brings the database to the version of the schema that this release knows, once for each process and before its first
 * query. All of it is one message with its own transaction, behind an advisory lock that ends with it: any number of
 * processes may start at the same time, through a pooler too, and one of them migrates.
 */
import { SessionError } from '../../core/errors.js';
import { faultOf, isMissing } from './faults.js';
import { migrations } from './migrations.gen.js';
import type { Names } from './names.js';
import type { PostgresPort } from './port.js';
import type { Statements } from './statements.js';

/** The script: harmless where it has run before. READ COMMITTED, so that it sees what the one before it in line did. */
export function migrationScript(names: Names): string {
  const steps = migrations.map((sql, index) => {
    const version = index + 1;
    return `DO $migrate$ BEGIN
IF NOT EXISTS (SELECT FROM "holdfast"."sessions_migrations" WHERE version = ${version}) THEN
INSERT INTO "holdfast"."sessions_migrations" (version) VALUES (${version});

${sql}
END IF;
END $migrate$;`;
  });
  // The schema is looked for first: CREATE SCHEMA IF NOT EXISTS wants a privilege on the database even where it exists.
  const text = `BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '30s';
SELECT pg_advisory_xact_lock(${names.lockKey('migrate')});
DO $migrate$ BEGIN
IF to_regnamespace('"holdfast"') IS NULL THEN CREATE SCHEMA "holdfast"; END IF;
IF to_regclass('"holdfast"."sessions_migrations"') IS NULL THEN
CREATE TABLE "holdfast"."sessions_migrations" (version integer PRIMARY KEY);
END IF;
END $migrate$;
${steps.join('\n')}
COMMIT;
`;
  return names.render(text);
}

export const enableNotices = (names: Names): string =>
  names.render('ALTER TABLE "holdfast"."sessions" ENABLE TRIGGER USER');

export class Schema {
  readonly #port: PostgresPort;
  readonly #names: Names;
  readonly #statements: Statements;
  readonly #migrate: boolean;
  #ready = false;
  #preparing: Promise<void> | undefined;

  constructor(port: PostgresPort, names: Names, statements: Statements, migrate: boolean) {
    this.#port = port;
    this.#names = names;
    this.#statements = statements;
    this.#migrate = migrate;
  }

  /** Undefined once it has been found right. After a failure the next call tries again. */
  prepare(): Promise<void> | undefined {
    if (this.#ready) return undefined;
    this.#preparing ??= this.#prepare().then(
      () => {
        this.#ready = true;
        this.#preparing = undefined;
      },
      (error) => {
        this.#preparing = undefined;
        throw error;
      },
    );
    return this.#preparing;
  }

  /** To be looked at again before the next query. */
  doubt(): void {
    this.#ready = false;
  }

  /** Turns the triggers on that tell of changes, which costs a lock of a moment, where they are off. */
  async turnNoticesOn(): Promise<void> {
    const [row] = await this.#port.run(this.#statements.watched, []);
    if (Number(row?.off) === 0) return;
    const sql = enableNotices(this.#names);
    if (!this.#migrate) {
      throw new SessionError(
        'ERR_SESSION_STORE_CAPABILITY',
        `postgresStore: the triggers that tell of changes are off, and with migrate: false the store does not turn them on. Run: ${sql}`,
      );
    }
    // While it waits for the table, every change waits behind it.
    await this.#port.script(`BEGIN; SET LOCAL lock_timeout = '3s'; ${sql}; COMMIT`);
  }

  async #prepare(): Promise<void> {
    const known = migrations.length;
    let found = await this.#version();
    if (found < known && this.#migrate) {
      await this.#port.script(migrationScript(this.#names)).catch(rethrow);
      found = await this.#version();
    }
    if (found === known) return;
    const whose = `"${this.#names.schema}"."${this.#names.table}"`;
    throw new SessionError(
      'ERR_SESSION_STORE_UNAVAILABLE',
      found > known
        ? `postgresStore: ${whose} has version ${found} of the schema, and this release knows ${known}. Run the release that made it, or a later one.`
        : `postgresStore: ${whose} has version ${found} of the schema, and this release needs ${known}. Run what postgresSchema() answers, or leave out migrate: false.`,
      { outcome: 'not-applied' },
    );
  }

  /** 0 where there is none. */
  async #version(): Promise<number> {
    try {
      const [row] = await this.#port.run(this.#statements.version, []);
      return Number(row?.version ?? 0);
    } catch (error) {
      if (isMissing(error)) return 0;
      throw faultOf(error);
    }
  }
}

function rethrow(error: unknown): never {
  throw faultOf(error);
}
