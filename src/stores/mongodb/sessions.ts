/**
 * A new session begins as `pending`, which nobody sees, and becomes one by a single later step. So a creation that
 * depends on another document can be prepared first and decided by one write to that other document.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { SessionId, Version } from '../../core/ids.js';
import type { Ending, StoredRecord } from '../../core/store.js';
import { intoMarker, type Stored, stored, toDocument } from './documents.js';
import { isDuplicate, type MongodbCollection } from './port.js';

/** The old session of a replace, and how it ends. */
export interface Leaving {
  readonly id: SessionId;
  readonly expected: Version;
  readonly ending: Ending;
}

/** An id is random and met by one call alone, unless that call is sent again; a stranger's pending one is waited for. */
const pollMs = 10;
const polls = 150;

export const randomName = (): string => randomBytes(8).toString('base64url');

export class Sessions {
  readonly #collection: MongodbCollection;

  constructor(collection: MongodbCollection) {
    this.#collection = collection;
  }

  async find(id: SessionId): Promise<Stored | undefined> {
    return stored(await this.#collection.findOne({ _id: id }));
  }

  /** A session that depends on nothing else. */
  async create(id: SessionId, record: StoredRecord): Promise<'created' | 'exists'> {
    for (;;) {
      if (await this.#insert(toDocument(id, 'session', record))) return 'created';
      const met = await this.#met(id, record.version);
      if (met !== 'free') return met === 'live' ? 'created' : 'exists';
    }
  }

  /** Prepares a session. `live`: the same call has made it already. */
  async begin(id: SessionId, record: StoredRecord): Promise<{ readonly ticket: string } | 'live' | 'exists'> {
    for (;;) {
      const ticket = randomName();
      if (await this.#insert(toDocument(id, 'pending', record, ticket))) return { ticket };
      const met = await this.#met(id, record.version);
      if (met !== 'free') return met;
    }
  }

  async isPending(id: SessionId, ticket: string): Promise<boolean> {
    const filter = { _id: id, kind: 'pending', ticket };
    return (await this.#collection.findOne(filter, { projection: { _id: 1 } })) !== null;
  }

  /** False if it is pending no more, or not under this ticket. */
  async goLive(id: SessionId, ticket: string, serial?: number): Promise<boolean> {
    const update = { $set: { kind: 'session', ...(serial !== undefined && { serial }) }, $unset: { ticket: '' } };
    return (await this.#collection.updateOne({ _id: id, kind: 'pending', ticket }, update)).matchedCount === 1;
  }

  /** No marker: nobody was given a token of this session. */
  async drop(id: SessionId, ticket: string): Promise<boolean> {
    return (await this.#collection.deleteOne({ _id: id, kind: 'pending', ticket })).deletedCount === 1;
  }

  /**
   * Ends the old session of a replace for `successor`, by one write that decides the whole replace. The marker names the
   * successor, so whoever asks later gets the same answer. No session comes back to a version that it had.
   */
  async giveWay({ id, expected, ending }: Leaving, successor: SessionId): Promise<boolean> {
    const filter = { _id: id, kind: 'session', version: expected };
    const { matchedCount } = await this.#collection.updateOne(filter, intoMarker(ending, { successor }));
    if (matchedCount === 1) return true;
    const found = await this.find(id);
    return found?.kind === 'ended' && found.successor === successor;
  }

  async #insert(document: object): Promise<boolean> {
    try {
      await this.#collection.insertOne(document);
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  }

  async #met(id: SessionId, version: Version): Promise<{ readonly ticket: string } | 'live' | 'exists' | 'free'> {
    for (let poll = 0; poll < polls; poll++) {
      const found = await this.find(id);
      if (found === undefined) return 'free';
      if (found.kind === 'ended') return 'exists';
      const isOurs = found.version === version;
      if (found.kind === 'session') return isOurs ? 'live' : 'exists';
      if (isOurs && found.ticket !== undefined) return { ticket: found.ticket };
      await setTimeout(pollMs);
    }
    return 'exists';
  }
}
