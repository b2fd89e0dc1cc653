/**
 * Sessions in one collection of MongoDB, through the `mongodb` package and a `Db` that the user passes in and whose
 * client the user closes. Documents: mongodb/documents.ts. Indexes: a TTL index on `expireAt`, and `owner` with `serial`
 * (sparse: only documents of an owner are in it).
 *
 * Commands of a method, where nothing stands in its way:
 *
 *   read        find by _id
 *   create      insert; of an owner's session see below
 *   update      update at the expected version; refused, a find says what is there
 *   touch       update with $max
 *   end         update; where nothing live is there, a find
 *   replace     find the old one, insert the new one as pending, end the old one (this decides), make the new one live
 *   of an owner's session: find the owner's document and see that nothing is left to do there (2), find its sessions
 *               (with a limit), insert as pending, write the owner's document (this decides a create), [end the old
 *               one: this decides a replace], [end the evicted], make it live
 *   endByOwner  as of an owner's session (2), find its sessions, write the owner's document (this decides), end them all;
 *               at the same time as another change, a find says which of them it was
 *   list, scan  one find a page;  sweep  find, delete
 *
 * Atomic by the server is one document. What spans several is decided by one write, named above; before it nothing is
 * there for anybody to see, and after it the rest is done by whoever comes first: this call, the same call sent again,
 * or the owner's next change (mongodb/owners.ts). A crash between two commands leaves: before the deciding write, a
 * pending document that nobody sees and the TTL index removes; after it, a change that is not seen everywhere yet, of a
 * call that was not answered. No ended session is written again by any of it: a session is only ever changed while its
 * kind is `session`, and becomes one from `pending`, under a ticket, once.
 *
 * No transaction, no aggregation, no upsert, no change stream. Faults are the driver's to find and are passed on.
 */
import { describe, SessionError } from '../core/errors.js';
import type { OwnerHash, SessionId, Version } from '../core/ids.js';
import { takeOptions } from '../core/options.js';
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
} from '../core/store.js';
import { answerOf, endable, expiry, intoMarker, isStored, recordOf } from './mongodb/documents.js';
import { makeIndexes } from './mongodb/indexes.js';
import { type Arrival, type Entered, Owners } from './mongodb/owners.js';
import { type MongodbCollection, type MongodbDatabase, openCollection } from './mongodb/port.js';
import { type Leaving, Sessions } from './mongodb/sessions.js';

export type { MongodbCollection, MongodbDatabase } from './mongodb/port.js';

export interface MongodbStoreOptions {
  /** A `Db` of the `mongodb` package: `client.db()`. Its client stays the caller's to close. */
  readonly db: MongodbDatabase;
  /** The collection's name; nothing else is to be kept in it. Default `'holdfast_sessions'`. */
  readonly collection?: string | undefined;
  /** False where the database user may not make indexes: then make those of the store's page yourself. Default true. */
  readonly createIndexes?: boolean | undefined;
}

export interface MongodbStore extends SessionStore, OwnerIndexed, Scannable, Sweepable {
  read(id: SessionId): Promise<StoredRecord | Ended | undefined>;
  listByOwner(owner: OwnerHash): Promise<readonly StoredEntry[]>;
  /** Resolves when the indexes are there. The first change waits for it too; await it at the start to fail there. */
  ready(): Promise<void>;
}

/**
 * Keeps sessions in MongoDB. Throws ERR_SESSION_OPTION for an option that it does not know or can't use. Methods reject
 * with ERR_SESSION_RECORD_UNREADABLE for a document that is not the store's, and with the driver's own error for every
 * fault.
 */
export function mongodbStore(options: MongodbStoreOptions): MongodbStore {
  const given = takeOptions<MongodbStoreOptions>(options, ['db', 'collection', 'createIndexes'], 'mongodbStore');
  const { collection = 'holdfast_sessions', createIndexes = true } = given;
  if (typeof collection !== 'string' || !/^(?!system\.)[^$\0]{1,100}$/.test(collection)) {
    throw new SessionError(
      'ERR_SESSION_OPTION',
      `mongodbStore: collection: expected a name of 1 to 100 characters, without '$' and not beginning with 'system.', got ${describe(collection)}.`,
    );
  }
  if (typeof createIndexes !== 'boolean') {
    throw new SessionError(
      'ERR_SESSION_OPTION',
      `mongodbStore: createIndexes: expected true or false, got ${describe(createIndexes)}.`,
    );
  }
  return new Mongodb(openCollection(given.db, collection), createIndexes);
}

const pageSize = 250;

class Mongodb implements MongodbStore {
  readonly name = 'mongodb';
  readonly networked = true;
  readonly replacesAtOnce = false;
  readonly #collection: MongodbCollection;
  readonly #sessions: Sessions;
  readonly #owners: Owners;
  readonly #createsIndexes: boolean;
  #indexes: Promise<void> | undefined;

  constructor(collection: MongodbCollection, createsIndexes: boolean) {
    this.#collection = collection;
    this.#createsIndexes = createsIndexes;
    this.#sessions = new Sessions(collection);
    this.#owners = new Owners(collection, this.#sessions);
  }

  ready(): Promise<void> {
    if (!this.#createsIndexes) return Promise.resolve();
    this.#indexes ??= makeIndexes(this.#collection).catch((error: unknown) => {
      // The next change tries again: the server may only have been away.
      this.#indexes = undefined;
      throw error;
    });
    return this.#indexes;
  }

  async create(id: SessionId, given: StoredRecord, owning?: Owning): Promise<CreateResult> {
    const record = copyOf(given);
    await this.ready();
    if (!isOwned(record)) return await this.#sessions.create(id, record);
    const entered = await this.#owners.enter({ id, record, owning });
    // 'refused' is of a replace.
    return entered === 'entered' || entered === 'refused' ? 'created' : entered;
  }

  async read(id: SessionId): Promise<StoredRecord | Ended | undefined> {
    return answerOf(await this.#sessions.find(id));
  }

  async update(id: SessionId, given: StoredRecord, expected: Version): Promise<UpdateResult> {
    const { bytes, version, idleDeadline } = given;
    const update = {
      $set: { bytes: Buffer.from(bytes), version },
      $max: { idleDeadline, expireAt: expiry(idleDeadline) },
    };
    for (let tries = 0; tries < 3; tries++) {
      const filter = { _id: id, kind: 'session', version: expected };
      if ((await this.#collection.updateOne(filter, update)).matchedCount === 1) return 'updated';
      const found = await this.#sessions.find(id);
      if (found?.kind !== 'session') return 'gone';
      if (found.version === version) return 'updated';
      // Made live between the two commands: once more.
      if (found.version !== expected) return { conflict: recordOf(found) };
    }
    throw inconsistent();
  }

  async touch(id: SessionId, idleDeadline: number): Promise<'touched' | 'gone'> {
    const update = { $max: { idleDeadline, expireAt: expiry(idleDeadline) } };
    const { matchedCount } = await this.#collection.updateOne({ _id: id, kind: 'session' }, update);
    if (matchedCount === 1) return 'touched';
    await this.#sessions.find(id);
    return 'gone';
  }

  async end(id: SessionId, ending: Ending): Promise<boolean> {
    const { matchedCount } = await this.#collection.updateOne({ _id: id, kind: endable }, intoMarker(ending));
    return matchedCount === 1 || (await this.#sessions.find(id))?.kind === 'ended';
  }

  async replace(
    oldId: SessionId,
    expected: Version,
    id: SessionId,
    given: StoredRecord,
    ending: Ending,
    owning?: Owning,
  ): Promise<ReplaceResult> {
    const record = copyOf(given);
    const leaving: Leaving = { id: oldId, expected, ending };
    await this.ready();
    for (let tries = 0; tries < 3; tries++) {
      const old = await this.#sessions.find(oldId);
      if (old?.kind === 'ended' && old.successor === id) return await this.#replacedBefore(id, record);
      if (old?.kind !== 'session') return 'gone';
      if (old.version !== expected) return { conflict: recordOf(old) };
      const entered = isOwned(record)
        ? await this.#owners.enter({ id, record, owning, leaving })
        : await this.#succeed(id, record, leaving);
      if (entered === 'entered') return 'replaced';
      // Refused: the old session has changed since it was read.
      if (entered !== 'refused') return entered;
    }
    throw inconsistent();
  }

  async listByOwner(owner: OwnerHash): Promise<readonly StoredEntry[]> {
    const found = await this.#collection.find({ owner, kind: 'session' }, { sort: { serial: 1 } }).toArray();
    return entriesOf(found);
  }

  async endByOwner(
    owner: OwnerHash,
    ending: Ending,
    options: { readonly except?: SessionId } = {},
  ): Promise<readonly SessionId[]> {
    await this.ready();
    return await this.#owners.endAll(owner, ending, options.except);
  }

  /** In order of ids. */
  async scan(cursor?: string): Promise<{ readonly entries: readonly StoredEntry[]; readonly cursor?: string }> {
    const filter = { kind: 'session', ...(cursor !== undefined && { _id: { $gt: cursor } }) };
    const found = await this.#collection.find(filter, { sort: { _id: 1 }, limit: pageSize }).toArray();
    const entries = entriesOf(found);
    const last = (found.at(-1) as { readonly _id: SessionId } | undefined)?._id;
    return found.length < pageSize || last === undefined ? { entries } : { entries, cursor: last };
  }

  /** To the millisecond, where the TTL index comes a minute later or more. */
  async sweep(now: number, limit: number): Promise<number> {
    if (limit < 1) return 0;
    const expired = { expireAt: { $lte: expiry(Math.floor(now)) } };
    const found = await this.#collection.find(expired, { projection: { _id: 1 }, limit }).toArray();
    if (found.length === 0) return 0;
    const ids = (found as { _id: string }[]).map(({ _id }) => _id);
    // Still expired: it may have been touched since.
    return (await this.#collection.deleteMany({ _id: { $in: ids }, ...expired })).deletedCount;
  }

  /** A replace by a session of nobody: no limit and no mark can refuse it. */
  async #succeed(id: SessionId, record: StoredRecord, leaving: Leaving): Promise<Entered> {
    const begun = await this.#sessions.begin(id, record);
    if (begun === 'exists') return begun;
    if (begun === 'live') return 'entered';
    if (!(await this.#sessions.giveWay(leaving, id))) {
      await this.#sessions.drop(id, begun.ticket);
      return 'refused';
    }
    return (await this.#sessions.goLive(id, begun.ticket)) ? 'entered' : 'refused';
  }

  /** The old session has ended for this one: the same call again, whether or not the first got to its end. */
  async #replacedBefore(id: SessionId, record: StoredRecord): Promise<'replaced' | 'gone'> {
    const found = await this.#sessions.find(id);
    if (found?.kind === 'pending') {
      if (isOwned(record)) await this.#owners.settled(record.owner);
      else await this.#sessions.goLive(id, found.ticket ?? '');
    }
    const now = found?.kind === 'pending' ? await this.#sessions.find(id) : found;
    return now?.kind === 'session' && now.version === record.version ? 'replaced' : 'gone';
  }
}

const isOwned = (record: StoredRecord): record is Arrival['record'] => record.owner !== undefined;

/** Indexes and other documents come first; until then the caller's array is the caller's. */
const copyOf = (record: StoredRecord): StoredRecord => ({ ...record, bytes: new Uint8Array(record.bytes) });

/** A server whose compare-and-set refuses the very version that it shows: asked for ever, it would be a loop. */
const inconsistent = (): Error =>
  new Error('mongodbStore: the server refused a change of the version that it says is stored');

/** What is not ours is passed over: one document must not hide all others from a walk or a list. */
function entriesOf(found: readonly object[]): StoredEntry[] {
  return found.flatMap((document) =>
    isStored(document) && document.kind === 'session' ? { id: document._id, record: recordOf(document) } : [],
  );
}
