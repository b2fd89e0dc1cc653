/**
 * Our store contract over any store of express-session. Under the public id of a session lies a session object as that
 * store knows it, so that its own expiry, serializer and tables go on working; what is ours is one member of it:
 *
 *   { cookie: { originalMaxAge, expires, httpOnly, path }, holdfast: { bytes, version, until, owner? } }
 *   { cookie: { ... },                                      holdfast: { ended, at, next? } }              once it is over
 *
 * `bytes` is the sealed record as base64url, `until` the idle deadline. The cookie's `expires` is a second later (of a
 * marker: than it must be kept), since stores count in seconds, and round.
 *
 * Such a store has no compare-and-set: each change is a get and then a set. Through one store object they queue by id, so that
 * none overtakes another; between processes nothing holds them apart, and `sessions.lossy` says so. `touch` of the store
 * is not used, because many move a deadline outside the record, where no get tells of it.
 */
import type { OwnerHash, SessionId, Version } from '../../core/ids.js';
import {
  type CreateResult,
  type Ended,
  type Ending,
  type ExpressSessionStore,
  isEnded,
  type ReplaceResult,
  type SessionStore,
  type StoredRecord,
  type UpdateResult,
} from '../../core/store.js';
import { call } from './calls.js';
import { BridgedCookie } from './cookie.js';
import { Turns } from './turns.js';

/** Every bridge over one store shares its queues. */
const queues = new WeakMap<ExpressSessionStore, Turns>();

/** Which session took its place: a replace that is sent again after a lost reply then answers as the first did. */
type Marker = Ended & { readonly next?: string };

export class Bridge implements SessionStore {
  readonly name: string;
  readonly networked = true;
  readonly replacesAtOnce = false;
  readonly #store: ExpressSessionStore;
  readonly #turns: Turns;

  constructor(store: ExpressSessionStore) {
    this.name = store.constructor.name;
    this.#store = store;
    this.#turns = queues.get(store) ?? new Turns();
    queues.set(store, this.#turns);
  }

  create(id: SessionId, given: StoredRecord): Promise<CreateResult> {
    const record = copyOf(given);
    return this.#turns.take([id], async () => {
      const found = await this.#get(id);
      if (found) return isSame(found, record) ? 'created' : 'exists';
      await this.#put(id, record);
      return 'created';
    });
  }

  async read(id: SessionId): Promise<StoredRecord | Ended | undefined> {
    const found = await this.#get(id);
    return found && isEnded(found) ? { ended: found.ended, at: found.at } : found;
  }

  update(id: SessionId, given: StoredRecord, expected: Version): Promise<UpdateResult> {
    const record = copyOf(given);
    return this.#turns.take([id], async () => {
      const found = await this.#get(id);
      if (!found || isEnded(found)) return 'gone';
      if (found.version !== expected && found.version !== record.version) return { conflict: found };
      const idleDeadline = Math.max(found.idleDeadline, record.idleDeadline);
      await this.#put(id, { ...found, bytes: record.bytes, version: record.version, idleDeadline });
      return 'updated';
    });
  }

  touch(id: SessionId, idleDeadline: number): Promise<'touched' | 'gone'> {
    return this.#turns.take([id], async () => {
      const found = await this.#get(id);
      if (!found || isEnded(found) || Number.isNaN(found.idleDeadline)) return 'gone';
      if (idleDeadline > found.idleDeadline) await this.#put(id, { ...found, idleDeadline });
      return 'touched';
    });
  }

  end(id: SessionId, ending: Ending): Promise<boolean> {
    return this.#turns.take([id], async () => {
      const found = await this.#get(id);
      if (!found) return false;
      if (!isEnded(found)) await this.#mark(id, ending);
      return true;
    });
  }

  /** Create, end, and undo the creation if the ending fails. Nobody has the new token before the answer. */
  replace(
    oldId: SessionId,
    expected: Version,
    id: SessionId,
    given: StoredRecord,
    ending: Ending,
  ): Promise<ReplaceResult> {
    const record = copyOf(given);
    return this.#turns.take([oldId, id], async () => {
      const [old, there] = [await this.#get(oldId), await this.#get(id)];
      const mine = there && isSame(there, record);
      if (!old) return 'gone';
      if (isEnded(old)) return mine && old.next === id ? 'replaced' : 'gone';
      if (there && !mine) return 'exists';
      if (old.version !== expected) return { conflict: old };
      if (!mine) await this.#put(id, record);
      try {
        await this.#mark(oldId, ending, id);
      } catch (error) {
        await call((callback) => this.#store.destroy(id, callback)).catch(() => undefined);
        throw error;
      }
      return 'replaced';
    });
  }

  async #get(id: SessionId): Promise<StoredRecord | Marker | undefined> {
    const session = await call<unknown>((callback) => this.#store.get(id, callback)).catch((error) => {
      // As express-session has it: a store of files may answer so for a session that is not there.
      if ((error as NodeJS.ErrnoException | null)?.code === 'ENOENT') return undefined;
      throw error;
    });
    return session === undefined || session === null ? undefined : parse(session);
  }

  #put(id: SessionId, { bytes, version, idleDeadline: until, owner }: StoredRecord): Promise<unknown> {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
    return this.#set(id, until, { bytes: text, version, until, ...(owner === undefined ? {} : { owner }) });
  }

  #mark(id: SessionId, { reason, at, keepUntil }: Ending, next?: SessionId): Promise<unknown> {
    return this.#set(id, keepUntil, { ended: reason, at, ...(next === undefined ? {} : { next }) });
  }

  #set(id: SessionId, until: number, holdfast: object): Promise<unknown> {
    const session = { cookie: new BridgedCookie(until), holdfast };
    return call((callback) => this.#store.set(id, session, callback));
  }
}

/** The caller's array may change while this waits for its turn. */
const copyOf = (record: StoredRecord): StoredRecord => ({ ...record, bytes: Uint8Array.from(record.bytes) });

const isSame = (found: StoredRecord | Ended, record: StoredRecord): boolean =>
  !isEnded(found) && found.version === record.version;

/** What is there and can't be ours: the engine refuses it as malformed, and no session begins over it. */
const malformed: StoredRecord = { bytes: new Uint8Array(), version: '' as Version, idleDeadline: Number.NaN };

function parse(session: unknown): StoredRecord | Marker {
  const { holdfast } = session as { holdfast?: unknown };
  if (typeof holdfast !== 'object' || holdfast === null) return malformed;
  const { bytes, version, until, owner, ended, at, next } = holdfast as Record<string, unknown>;
  if (typeof ended === 'string' && typeof at === 'number')
    return { ended, at, ...(typeof next === 'string' ? { next } : {}) };
  if (typeof bytes !== 'string' || typeof version !== 'string' || typeof until !== 'number') return malformed;
  return {
    bytes: Uint8Array.from(Buffer.from(bytes, 'base64url')),
    version: version as Version,
    idleDeadline: until,
    ...(typeof owner === 'string' ? { owner: owner as OwnerHash } : {}),
  };
}
