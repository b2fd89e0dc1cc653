/**
 * The names of the store's objects. Our SQL spells them "holdfast"."sessions..." and always in quotes; the user's schema
 * and table take the place of the two words.
 */
import { createHash } from 'node:crypto';
import { describe, SessionError } from '../../core/errors.js';

/** Short enough for every name made of them, the channel included: Postgres cuts names at 63 bytes. */
const pattern = /^[A-Za-z_][A-Za-z0-9_]{0,27}$/;

export class Names {
  readonly schema: string;
  readonly table: string;
  /** Where notices are heard. */
  readonly channel: string;

  constructor(schema: unknown, table: unknown) {
    this.schema = checked(schema, 'schema');
    this.table = checked(table, 'table');
    this.channel = `${this.schema}.${this.table}`;
  }

  /** SQL of ours, under these names. */
  render(sql: string): string {
    return sql.replace(
      /"holdfast"|"sessions(?=[_"])/g,
      (name) => `"${name === '"holdfast"' ? `${this.schema}"` : this.table}`,
    );
  }

  /** The key of an advisory lock, as a signed 64-bit number in decimal. Other users of the database have their own. */
  lockKey(purpose: 'migrate' | 'sweep'): string {
    const digest = createHash('sha256').update(`holdfast ${purpose} ${this.channel}`).digest();
    return digest.readBigInt64BE().toString();
  }
}

function checked(value: unknown, option: string): string {
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw new SessionError(
    'ERR_SESSION_OPTION',
    `postgresStore: ${option}: expected at most 28 letters, digits and underscores, not beginning with a digit, got ${describe(value)}. It is used as written, in quotes.`,
  );
}
