/** Rows to records and back. The columns are described in sql/0001-sessions.sql. */
import type { OwnerHash, SessionId, Version } from '../../core/ids.js';
import type { Ended, Ending, Owning, StoredEntry, StoredRecord } from '../../core/store.js';
import type { Row } from './port.js';

/** Whole milliseconds, and never earlier than was asked for. */
export const moment = (ms: number): string => String(Math.ceil(ms));

/** As the functions take a record. The bytes are copied: the pool may send them later, and until then they are the caller's. */
export const recordValues = ({ version, bytes, idleDeadline, owner }: StoredRecord): unknown[] => [
  version,
  Buffer.from(bytes),
  moment(idleDeadline),
  owner ?? null,
];

export const endingValues = ({ reason, at, keepUntil }: Ending): unknown[] => [reason, moment(at), moment(keepUntil)];

/** None where nothing limits the record. */
export function owningValues({ owner }: StoredRecord, owning: Owning | undefined): unknown[] {
  if (owner === undefined || owning === undefined) return [null, null, null, false, null];
  const { now, startedAt, limit, onExceed, keepUntil = now } = owning;
  return [moment(now), moment(startedAt), limit ?? null, onExceed === 'evict-oldest', moment(keepUntil)];
}

export function recordOf(row: Row): StoredRecord {
  const bytes = new Uint8Array(Buffer.from(row.payload ?? '', 'base64'));
  const shared = { bytes, version: row.version as Version, idleDeadline: Number(row.idle_deadline) };
  return row.owner === null ? shared : { ...shared, owner: row.owner as OwnerHash };
}

export function foundIn([row]: readonly Row[]): StoredRecord | Ended | undefined {
  if (row === undefined) return undefined;
  return row.ended === null ? recordOf(row) : { ended: String(row.ended), at: Number(row.ended_at) };
}

export const entryOf = (row: Row): StoredEntry => ({ id: row.id as SessionId, record: recordOf(row) });

/** A word, or the record that stands in the way. */
export function answerIn([row]: readonly Row[]): string | { conflict: StoredRecord } {
  if (row?.answer === 'conflict') return { conflict: recordOf(row) };
  return String(row?.answer);
}
