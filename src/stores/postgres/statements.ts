/** Every statement that the store sends while it runs: one for each method. The functions are in sql/0001-sessions.sql. */
import type { Names } from './names.js';

/** Base64, because how the server prints bytes is a setting, and hexadecimal is half as long again. */
const record = `version, encode(payload, 'base64') AS payload, idle_deadline, owner`;

const statements = {
  read: `SELECT ${record}, ended, ended_at FROM "holdfast"."sessions" WHERE id = $1`,
  create: 'SELECT answer FROM "holdfast"."sessions_create"($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
  update: `SELECT answer, ${record} FROM "holdfast"."sessions_update"($1, $2, $3, $4, $5)`,
  touch: 'SELECT answer FROM "holdfast"."sessions_touch"($1, $2)',
  end: 'SELECT answer FROM "holdfast"."sessions_end"($1, $2, $3, $4)',
  replace: `SELECT answer, ${record} FROM "holdfast"."sessions_replace"($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
  listByOwner: `SELECT id, ${record} FROM "holdfast"."sessions" WHERE owner = $1 AND ended IS NULL ORDER BY serial`,
  endByOwner: 'SELECT id FROM "holdfast"."sessions_end_by_owner"($1, $2, $3, $4, $5)',
  scan: `SELECT id, ${record} FROM "holdfast"."sessions" WHERE id > $1 AND ended IS NULL ORDER BY id LIMIT $2`,
  sweep: 'SELECT removed, postponed FROM "holdfast"."sessions_sweep"($1, $2, $3)',
  version: 'SELECT max(version) AS version FROM "holdfast"."sessions_migrations"',
  watched: `SELECT count(*) AS off FROM pg_catalog.pg_trigger WHERE tgrelid = '"holdfast"."sessions"'::regclass AND NOT tgisinternal AND tgenabled NOT IN ('O', 'A')`,
  /** And whether notices of changes can come: of which table, and how many of its triggers are on. */
  notify: `SELECT pg_catalog.pg_notify($1, $2), to_regclass('"holdfast"."sessions"')::oid AS table, (SELECT count(*) FROM pg_catalog.pg_trigger WHERE tgrelid = to_regclass('"holdfast"."sessions"') AND tgfoid = to_regproc('"holdfast"."sessions_notify"') AND tgenabled IN ('O', 'A')) AS triggers`,
} as const;

export type Statements = Readonly<Record<keyof typeof statements, string>>;

export function statementsFor(names: Names): Statements {
  return Object.fromEntries(Object.entries(statements).map(([name, text]) => [name, names.render(text)])) as Statements;
}
