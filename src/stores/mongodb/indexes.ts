/** The two indexes. Making one that is there is nothing to the server, so any number of processes may start at once. */
import { SessionError } from '../../core/errors.js';
import type { MongodbCollection } from './port.js';

const indexes = [
  { name: 'holdfast_expiry', key: { expireAt: 1 }, expireAfterSeconds: 0 },
  { name: 'holdfast_owner', key: { owner: 1, serial: 1 }, sparse: true },
];

/** Not authorised; and an index of that name or those fields with other options. */
const remedies: Readonly<Record<number, string>> = {
  13: "Grant the database user createIndex on the collection, or make the indexes yourself and pass createIndexes: false; the store's page has both.",
  85: 'Drop the index that has the same fields and other options, or give the store a collection of its own.',
  86: 'Drop the index that has the same name and other fields, or give the store a collection of its own.',
};

export async function makeIndexes(collection: MongodbCollection): Promise<void> {
  try {
    await collection.createIndexes(indexes);
  } catch (error) {
    const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
    const remedy = typeof code === 'number' ? remedies[code] : undefined;
    if (remedy === undefined) throw error;
    throw new SessionError('ERR_SESSION_STORE_UNAVAILABLE', `mongodbStore: the indexes could not be made. ${remedy}`, {
      cause: error,
      outcome: 'not-applied',
    });
  }
}
