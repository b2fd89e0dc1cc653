/**
 * The documents of the one collection. `kind` says what a document is, and every filter names it: what is of another
 * kind, from a newer release or from somebody else, is never changed, only ended.
 *
 *   session   _id (the id), bytes, version, idleDeadline, and of an owner's: owner, serial
 *   pending   a session that is about to be: as above, with a ticket, and no serial yet
 *   ended     _id (the id), ended (the reason), at; successor (the id that replaced it); by (the endByOwner call)
 *   owner     _id ('owner:' and the hash), tx, serial, mark, op: see owners.ts
 *
 * Each has expireAt, a BSON date for the TTL index: the deadline, rounded up, and a minute, so that a server whose clock
 * is a little ahead removes nothing early. Moments are doubles, exact to the millisecond.
 */
import { SessionError } from '../../core/errors.js';
import type { OwnerHash, SessionId, Version } from '../../core/ids.js';
import type { Ended, Ending, StoredRecord } from '../../core/store.js';

export interface SessionDocument {
  readonly _id: SessionId;
  readonly kind: 'session' | 'pending';
  readonly bytes: Uint8Array;
  readonly version: Version;
  readonly idleDeadline: number;
  readonly owner?: OwnerHash;
  /** Orders an owner's sessions by creation. */
  readonly serial?: number;
  /** Names one attempt to create, so that a late command about an earlier attempt does not touch a later one. */
  readonly ticket?: string;
}

export interface EndedDocument {
  readonly _id: SessionId;
  readonly kind: 'ended';
  readonly ended: string;
  readonly at: number;
  readonly successor?: SessionId;
}

export type Stored = SessionDocument | EndedDocument;

/**
 * What can be ended: all but what is over, or not there yet. A session of a newer release can't be read, but it must not
 * outlive its own revocation, nor stand in the way of that of the others of its owner.
 */
export const endable = { $nin: ['ended', 'pending', 'owner'] };

const slackMs = 60_000;
const latestMs = 8.64e15;

export const expiry = (deadline: number): Date => new Date(Math.min(Math.ceil(deadline) + slackMs, latestMs));

/** Copies the payload: it may be sent later, and until then the caller's array is the caller's. */
export function toDocument(
  id: SessionId,
  kind: SessionDocument['kind'],
  record: StoredRecord,
  ticket?: string,
): object {
  const { bytes, version, idleDeadline, owner } = record;
  return {
    _id: id,
    kind,
    bytes: Buffer.from(bytes),
    version,
    idleDeadline,
    ...(owner !== undefined && { owner }),
    ...(ticket !== undefined && { ticket }),
    expireAt: expiry(idleDeadline),
  };
}

/** Turns a session into the marker that it leaves. */
export function intoMarker(
  { reason, at, keepUntil }: Ending,
  also: { successor?: SessionId; by?: string } = {},
): object {
  return {
    $set: { kind: 'ended', ended: reason, at, expireAt: expiry(keepUntil), ...also },
    $unset: { bytes: '', version: '', idleDeadline: '', owner: '', serial: '', ticket: '' },
  };
}

/** False for one that a newer release or somebody else wrote. */
export function isStored(document: object): document is Stored {
  const fields = document as Record<string, unknown>;
  return fields.kind === 'ended'
    ? typeof fields.ended === 'string' && typeof fields.at === 'number'
    : (fields.kind === 'session' || fields.kind === 'pending') &&
        fields.bytes instanceof Uint8Array &&
        typeof fields.version === 'string' &&
        typeof fields.idleDeadline === 'number' &&
        ['string', 'undefined'].includes(typeof fields.owner);
}

/** The document as ours; throws where it is not, since guessing could lose a session. */
export function stored(document: object | null): Stored | undefined {
  if (document === null) return undefined;
  if (isStored(document)) return document;
  throw new SessionError(
    'ERR_SESSION_RECORD_UNREADABLE',
    'mongodbStore: a document under a session id has a form that this release does not know. Roll out the newer release everywhere, or see what else writes to the collection.',
    { outcome: 'not-applied' },
  );
}

/** Copies the payload: what the driver hands out is a window on the whole reply, and would keep it alive. */
export function recordOf({ bytes, version, idleDeadline, owner }: SessionDocument): StoredRecord {
  const record = { bytes: new Uint8Array(bytes), version, idleDeadline };
  return owner === undefined ? record : { ...record, owner };
}

/** What `read` answers. A pending session is not there yet. */
export function answerOf(found: Stored | undefined): StoredRecord | Ended | undefined {
  if (found === undefined || found.kind === 'pending') return undefined;
  return found.kind === 'ended' ? { ended: found.ended, at: found.at } : recordOf(found);
}
