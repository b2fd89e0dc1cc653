/**
 * The store contract. A store sees an id, opaque bytes, a version, deadlines and a hashed owner;
 * it knows nothing of cookies, people or time: every moment it needs is an argument, in milliseconds
 * since the epoch.
 *
 * There is no upsert. `create` never overwrites, and `update`, `touch` and `replace` never create from
 * nothing, so no order of calls can bring an ended session back.
 *
 * Versions are random and chosen by the writer, so every mutation can be sent again after a lost reply
 * and answers what it answered the first time.
 *
 * Where more than one refusal fits a call, the store gives any one of them.
 *
 * Methods may answer at once or by promise. A fault (no link, a full disk) is thrown or rejects;
 * "not there" is never a fault.
 */
import type { OwnerHash, SessionId, Version } from './ids.js';

export type MaybePromise<T> = T | Promise<T>;

/** What a store keeps under an id. The bytes are sealed; only the other fields mean anything to a store. */
export interface StoredRecord {
  /** The sealed payload, 1 byte up to whatever the store can hold. Never mutated by either side. */
  readonly bytes: Uint8Array;
  readonly version: Version;
  /** Unusable from this moment on (ms since the epoch). A store may drop the record then, never earlier. */
  readonly idleDeadline: number;
  /** Absent while the session is anonymous. Fixed for the life of the id. */
  readonly owner?: OwnerHash;
}

/** Why a session ended. Lower-case words and dashes, at most 32 characters; the open end is for the app's own reasons. */
export type EndReason =
  | 'signed-out'
  | 'destroyed'
  | 'replaced'
  | 'revoked'
  | 'evicted'
  | 'credential-changed'
  | 'token-reuse'
  | 'expired'
  | (string & {});

/** The marker that an ended session leaves, so that the next request can be told why. */
export interface Ended {
  readonly ended: EndReason;
  /** When it ended (`Ending.at`; `Owning.now` for an evicted one). */
  readonly at: number;
}

/** How to end a session: why, when, and until when the store keeps the marker (both in ms since the epoch). */
export interface Ending {
  readonly reason: EndReason;
  readonly at: number;
  readonly keepUntil: number;
}

/** Passed when a record with an owner is written: the owner's limit, and the moment the sign-in began. */
export interface Owning {
  /** Now, in ms since the epoch: sessions whose idle deadline is not after it do not count. */
  readonly now: number;
  /** When the sign-in began (ms). At or before the owner's latest `endByOwner` mark, the answer is `barred`. */
  readonly startedAt: number;
  /** At most this many live sessions of the owner, the new one included. Absent: no limit. */
  readonly limit?: number;
  /** `reject` (default) answers `limit`; `evict-oldest` ends the owner's oldest by creation until the new one fits. */
  readonly onExceed?: 'reject' | 'evict-oldest';
  /** Until when the markers of evicted sessions (reason `evicted`) are kept. Required with `evict-oldest`. */
  readonly keepUntil?: number;
}

export interface Conflict {
  /** What is stored now. */
  readonly conflict: StoredRecord;
}

export type CreateResult = 'created' | 'exists' | 'limit' | 'barred';
export type UpdateResult = 'updated' | 'gone' | Conflict;
export type ReplaceResult = 'replaced' | 'gone' | 'exists' | 'limit' | 'barred' | Conflict;

/** A guarantee that a store can't keep, and why, in a sentence for people. */
export interface Loss {
  /** Its number in SECURITY.md, such as `G1`. */
  readonly guarantee: string;
  readonly why: string;
}

/** A store of express-session: connect-redis, connect-mongo, memorystore and their like. As much of it as is called. */
export interface ExpressSessionStore {
  get(sid: string, callback: (error: unknown, session?: unknown) => void): unknown;
  set(sid: string, session: object, callback: (error?: unknown) => void): unknown;
  destroy(sid: string, callback: (error?: unknown) => void): unknown;
}

/** What every store must have. */
export interface SessionStore {
  /** A short word for messages and events, such as `memory` or `redis`. */
  readonly name: string;
  /** True where other machines can reach the same sessions: such a store never runs on a made-up secret. */
  readonly networked: boolean;
  /** False where a `replace` can be seen half done: the old session has ended, the new one is not there yet. */
  readonly replacesAtOnce?: false;
  /** What it can't keep of SECURITY.md's guarantees, whatever its settings; absent where that is nothing. */
  readonly lossy?: readonly Loss[];

  /**
   * Keeps a new record. `exists`: the id is taken by another record or by a marker, and nothing changed
   * (the same id with the same version is the same call again: `created`).
   */
  create(id: SessionId, record: StoredRecord, owning?: Owning): MaybePromise<CreateResult>;

  /** The record, the marker it left, or `undefined` if the store knows neither. Answers may include records past their deadline. */
  read(id: SessionId): MaybePromise<StoredRecord | Ended | undefined>;

  /**
   * Writes bytes and version if the stored version is `expected` (or already `record.version`: the same call
   * again). The idle deadline only moves forward, the owner stays. One round trip, also on conflict.
   */
  update(id: SessionId, record: StoredRecord, expected: Version): MaybePromise<UpdateResult>;

  /** Moves the idle deadline forward, never back; bytes and version stay. */
  touch(id: SessionId, idleDeadline: number): MaybePromise<'touched' | 'gone'>;

  /**
   * Ends a session and leaves a marker. True if it is ended now, by this call or an earlier one (whose reason
   * stays); false if the store knew nothing of the id, and then no marker is left.
   */
  end(id: SessionId, ending: Ending): MaybePromise<boolean>;

  /**
   * Ends `oldId` and creates `id`, both or neither. `gone`: `oldId` is ended or unknown. `conflict`: the version
   * of `oldId` is not `expected`, so a change would be lost. On any answer but `replaced` nothing has changed.
   * A store that can't do both at once creates, ends, and undoes the creation if ending fails; its page says so.
   */
  replace(
    oldId: SessionId,
    expected: Version,
    id: SessionId,
    record: StoredRecord,
    ending: Ending,
    owning?: Owning,
  ): MaybePromise<ReplaceResult>;

  /** Releases what the store itself opened; what the user passed in stays open. Calling it again does nothing. */
  close?(): MaybePromise<void>;
}

export interface StoredEntry {
  readonly id: SessionId;
  readonly record: StoredRecord;
}

/** Sessions can be found by whose they are. Needed for `limit`, and for listing and revoking by owner. */
export interface OwnerIndexed {
  /** Every record of this owner that has not ended, in order of creation, oldest first; it may include some past their deadline. */
  listByOwner(owner: OwnerHash): MaybePromise<readonly StoredEntry[]>;
  /**
   * Ends every session of this owner but `except`, and leaves a mark with the moment `ending.at`: a create or
   * replace for this owner with `startedAt <= ending.at` answers `barred` from then until `ending.keepUntil`. The
   * mark only moves forward. Answers the ids that this call ended: sent again, it does not answer them once more.
   */
  endByOwner(
    owner: OwnerHash,
    ending: Ending,
    options?: { readonly except?: SessionId },
  ): MaybePromise<readonly SessionId[]>;
}

/** All sessions can be walked, a page at a time, in no order. Each that lives through the whole walk is met at least once. */
export interface Scannable {
  scan(cursor?: string): MaybePromise<{ readonly entries: readonly StoredEntry[]; readonly cursor?: string }>;
}

/** Expired records and old markers are removed on demand, not by the server itself. */
export interface Sweepable {
  /** Removes at most `limit` of what has expired by `now`, and says how many. */
  sweep(now: number, limit: number): MaybePromise<number>;
}

/** Changes by anybody are pushed. What a coherent cache and `info.signal` are built on. */
export interface Watchable {
  /**
   * Resolves once notices flow. `onChange` hears the id of each record that was read through the watch and is updated,
   * ended or replaced after that, once at least until it is read through the watch again; and `'all'` when notices may
   * have been lost. What was not read there may go unheard. It may hear more: a touch, or a change of anything else.
   * A link that breaks is mended by the store, which then says `'all'`.
   */
  watch(onChange: (id: SessionId | 'all') => void): MaybePromise<Watch>;
}

export interface Watch {
  /**
   * Reads so that a later change is heard: a notice that overtakes the answer comes after the call and before the
   * answer. Rejects where that can't be promised, as while the link is down: then ask the store, and keep nothing.
   */
  read(id: SessionId): MaybePromise<StoredRecord | Ended | undefined>;
  /** Resolves when every notice sent before this call has been heard; rejects when the link is down. */
  heartbeat(): MaybePromise<void>;
  /** Silent from then on. Calling it again does nothing. */
  close(): MaybePromise<void>;
}

export const isOwnerIndexed = (store: object): store is OwnerIndexed =>
  has(store, 'listByOwner') && has(store, 'endByOwner');
export const isScannable = (store: object): store is Scannable => has(store, 'scan');
export const isSweepable = (store: object): store is Sweepable => has(store, 'sweep');
export const isWatchable = (store: object): store is Watchable => has(store, 'watch');

const required = ['create', 'read', 'update', 'touch', 'end', 'replace'] as const;

/** The names of required members that `value` lacks; empty for a store. */
export function missingFromStore(value: object): string[] {
  const missing: string[] = required.filter((method) => !has(value, method));
  if (typeof Reflect.get(value, 'name') !== 'string') missing.push('name');
  if (typeof Reflect.get(value, 'networked') !== 'boolean') missing.push('networked');
  return missing;
}

export const isEnded = (found: StoredRecord | Ended): found is Ended => 'ended' in found;

function has(value: object, method: string): boolean {
  return typeof Reflect.get(value, method) === 'function';
}
