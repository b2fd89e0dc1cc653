import { describe, expect, it } from 'vitest';
import { SessionError } from '../../src/core/errors.js';
import { makeId, makeRecord } from '../../src/stores/conformance/index.js';
import { type MongodbDatabase, mongodbStore } from '../../src/stores/mongodb.js';
import { connect, freshName, mongodb, sharedMongodb } from '../support/mongodb-server.js';
import { opener } from './kit.js';

describe.runIf(mongodb)('indexes', () => {
  const open = opener();

  it('twenty starters at the same time, each with a client of its own, make two', async () => {
    const url = await sharedMongodb();
    const collection = freshName();
    const starters = await Promise.all(Array.from({ length: 20 }, () => connect(url)));
    const [first] = starters;
    if (!first) throw new Error('not connected');
    const answers = await Promise.all(
      starters.map(({ db }) => mongodbStore({ db, collection }).create(makeId(), makeRecord())),
    );
    expect(answers).toEqual(starters.map(() => 'created'));
    const indexes = await first.db.collection(collection).listIndexes().toArray();
    expect(indexes).toHaveLength(3);
    expect(indexes).toContainEqual(
      expect.objectContaining({ key: { expireAt: 1 }, name: 'holdfast_expiry', expireAfterSeconds: 0 }),
    );
    expect(indexes).toContainEqual(
      expect.objectContaining({ key: { owner: 1, serial: 1 }, name: 'holdfast_owner', sparse: true }),
    );
    await first.db.dropCollection(collection);
    await Promise.all(starters.map(({ close }) => close()));
  });

  it('every document has the date of the TTL index: a minute after the deadline, moved on with it', async () => {
    const { store, raw, drop } = await open();
    const [id, record] = [makeId(), makeRecord({ idleDeadline: Date.now() + 3_600_000.25 })];
    const dateOf = async () => (await raw.findOne({ _id: id as never }))?.expireAt;
    await store.create(id, record);
    expect(await dateOf()).toEqual(new Date(Math.ceil(record.idleDeadline) + 60_000));
    await store.touch(id, record.idleDeadline + 1_000);
    expect(await dateOf()).toEqual(new Date(Math.ceil(record.idleDeadline) + 61_000));
    await store.touch(id, record.idleDeadline);
    expect(await dateOf()).toEqual(new Date(Math.ceil(record.idleDeadline) + 61_000));
    const keepUntil = Date.now() + 1_000;
    await store.end(id, { reason: 'signed-out', at: 1, keepUntil });
    expect(await dateOf()).toEqual(new Date(keepUntil + 60_000));
    await drop();
  });

  it('createIndexes: false makes none', async () => {
    const { client, db, close } = await connect(await sharedMongodb());
    const collection = freshName();
    const store = mongodbStore({ db, collection, createIndexes: false });
    await store.ready();
    await store.create(makeId(), makeRecord());
    expect(await db.collection(collection).listIndexes().toArray()).toHaveLength(1);
    await db.dropCollection(collection);
    await close();
    expect(client).toBeDefined();
  });

  it('a server that refuses them is named with the remedy, and asked again by the next change', async () => {
    const { db, close } = await connect(await sharedMongodb());
    const collection = freshName();
    let refusals = 2;
    const refusing: MongodbDatabase = {
      collection: (name, options) =>
        new Proxy(db.collection(name, options), {
          get(target, member) {
            const value: unknown = Reflect.get(target, member);
            if (member === 'createIndexes' && refusals-- > 0) {
              return () => Promise.reject(Object.assign(new Error('not authorized'), { code: 13 }));
            }
            return typeof value === 'function' ? value.bind(target) : value;
          },
        }),
    };
    const store = mongodbStore({ db: refusing, collection });
    await expect(store.ready()).rejects.toThrow(/createIndexes: false/);
    await expect(store.create(makeId(), makeRecord())).rejects.toBeInstanceOf(SessionError);
    expect(await store.create(makeId(), makeRecord())).toBe('created');
    expect(await db.collection(collection).listIndexes().toArray()).toHaveLength(3);
    await db.dropCollection(collection);
    await close();
  });

  it.each([[undefined], ['mongodb://user:password@host'], [{}], [42]])('what is no Db is refused: %#', (db) => {
    const make = (): unknown => mongodbStore({ db: db as never });
    expect(make).toThrow(/mongodbStore: db: expected a Db/);
    expect(make).not.toThrow(/password/);
  });

  it('a name that no collection can have is refused, and so is an option that is not there', () => {
    const db = { collection: () => ({}) } as never;
    for (const collection of ['', 'system.users', 'a$b', 'a\0b', 5 as never]) {
      expect(() => mongodbStore({ db, collection })).toThrow(/mongodbStore: collection: expected/);
    }
    expect(() => mongodbStore({ db, createIndexes: 'no' as never })).toThrow(/createIndexes: expected true or false/);
    expect(() => mongodbStore({ db, prefix: 'x' } as never)).toThrow(/there is no option 'prefix'/);
  });
});
