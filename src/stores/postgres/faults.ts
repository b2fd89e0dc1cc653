/** What a server refuses, as our errors. Everything else is passed on as pg gave it. */
import { SessionError } from '../../core/errors.js';
import { sqlState } from './port.js';

const advice: Readonly<Record<string, string>> = {
  '25006':
    'the server is read-only: a standby, or set so. Connect to the primary (target_session_attrs=read-write, or a name that follows it)',
  '42501':
    'the role lacks a privilege; docs/stores/postgres.md lists what it needs, and which of it only migrations do',
  '42P01': 'the table is not there; the next call looks for it again',
  '42883': 'a function of the schema is not there; the next call looks for it again',
  '3F000': 'the schema is not there; the next call looks for it again',
};

/** The schema was dropped or replaced under us, as by restoring a backup. */
export const isMissing = (error: unknown): boolean => ['42P01', '42883', '3F000'].includes(sqlState(error) ?? '');

export function faultOf(error: unknown): unknown {
  const state = sqlState(error) ?? '';
  if (state === '53100') {
    return new SessionError(
      'ERR_SESSION_STORE_FULL',
      "postgresStore: the server's disk is full. Free some of it, or shorten how long sessions may idle.",
      { cause: error, outcome: 'not-applied' },
    );
  }
  const remedy = advice[state];
  if (remedy === undefined) return error;
  return new SessionError(
    'ERR_SESSION_STORE_UNAVAILABLE',
    `postgresStore: ${remedy}. (${error instanceof Error ? error.message : state})`,
    { cause: error, outcome: 'not-applied' },
  );
}
