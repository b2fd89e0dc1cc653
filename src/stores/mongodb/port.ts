/** What we ask of the `mongodb` package: the methods of a collection, through a `Db` that is passed in. Nothing is imported. */
import { describe, SessionError } from '../../core/errors.js';

/** A `Db` of the `mongodb` package: `client.db()`. */
export interface MongodbDatabase {
  collection(name: string, options?: object): MongodbCollection;
}

export interface MongodbCollection {
  findOne(filter: object, options?: object): Promise<object | null>;
  find(filter: object, options?: object): { toArray(): Promise<object[]> };
  insertOne(document: object): Promise<unknown>;
  updateOne(filter: object, update: object): Promise<{ readonly matchedCount: number }>;
  updateMany(filter: object, update: object): Promise<{ readonly modifiedCount: number }>;
  deleteOne(filter: object): Promise<{ readonly deletedCount: number }>;
  deleteMany(filter: object): Promise<{ readonly deletedCount: number }>;
  createIndexes(indexes: object[]): Promise<unknown>;
}

/**
 * Set on our collection whatever the client, the database or the URL says, since every guarantee rests on them:
 * acknowledged by a majority and journaled, so that no election loses it; read from the primary, since a secondary lags
 * and would go on accepting a session that was revoked; `local`, the newest that the primary has, so that an end is seen
 * no later than it is acknowledged and the answer to a refused change is what refused it.
 */
const settings = {
  writeConcern: { w: 'majority', journal: true },
  readConcern: { level: 'local' },
  readPreference: 'primary',
  promoteBuffers: true,
  promoteValues: true,
  promoteLongs: true,
  useBigInt64: false,
  raw: false,
};

export function openCollection(db: unknown, name: string): MongodbCollection {
  if (typeof db !== 'object' || db === null || typeof Reflect.get(db, 'collection') !== 'function') {
    throw new SessionError(
      'ERR_SESSION_OPTION',
      `mongodbStore: db: expected a Db of the mongodb package, got ${typeof db === 'string' ? 'a string' : describe(db)}. Pass client.db().`,
    );
  }
  return (db as MongodbDatabase).collection(name, settings);
}

/** Whether a server refused an insert because the `_id` is there: no other index of ours is unique. */
export const isDuplicate = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && Reflect.get(error, 'code') === 11_000;
