/** Ids, versions, records and endings for tests of a store: random, and valid for an hour or more by any clock. */
import { randomBytes } from 'node:crypto';
import type { OwnerHash, SessionId, Version } from '../../core/ids.js';
import type { Ending, Owning, StoredRecord } from '../../core/store.js';

const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;

/** A new session id; that of an owner's session begins with the same four bytes as the owner, as holdfast makes them. */
export function makeId(owner?: OwnerHash): SessionId {
  const bytes = randomBytes(20);
  if (owner !== undefined) bytes.write(owner, 0, 4, 'base64url');
  return bytes.toString('base64url') as SessionId;
}

/** A new version. */
export const makeVersion = (): Version => randomBytes(8).toString('base64url') as Version;

/** A new owner, as a store sees it. */
export const makeOwner = (): OwnerHash => randomBytes(20).toString('base64url') as OwnerHash;

/** A record of random bytes that lives for an hour, with what `fields` says otherwise. */
export function makeRecord(fields: Partial<StoredRecord> = {}): StoredRecord {
  return {
    bytes: new Uint8Array(randomBytes(64)),
    version: makeVersion(),
    idleDeadline: Date.now() + hourMs,
    ...fields,
  };
}

/** An ending now, whose marker is kept for an hour. */
export function makeEnding(reason = 'destroyed', at = Date.now()): Ending {
  return { reason, at, keepUntil: at + hourMs };
}

/** A sign-in that began now, with what `fields` says otherwise. */
export function makeOwning(fields: Partial<Owning> = {}): Owning {
  const now = Date.now();
  return { now, startedAt: now, keepUntil: now + hourMs, ...fields };
}
