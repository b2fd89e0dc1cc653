/** Documents of somebody else, or of a newer release, under the ids of sessions. */
import { BSON } from 'mongodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeEnding, makeId, makeOwner, makeRecord } from '../../src/stores/conformance/index.js';
import { mongodb } from '../support/mongodb-server.js';
import { type Opened, opener } from './kit.js';

describe.runIf(mongodb)('a document that is not ours', () => {
  const open = opener();
  let opened: Opened;
  beforeEach(async () => {
    opened = await open();
  });
  afterEach(() => opened.drop());

  it.each([
    ['of a newer release', { kind: 'session2', bytes: Buffer.from('x'), version: 'abcdefghijk', idleDeadline: 4e12 }],
    ['of express-session', { expires: new Date(4e12), session: '{"cookie":{},"passport":{"user":1}}' }],
    ['with bytes that are text', { kind: 'session', bytes: 'x', version: 'abcdefghijk', idleDeadline: 4e12 }],
    [
      'with a version that is a document',
      { kind: 'session', bytes: Buffer.from('x'), version: { $ne: 1 }, idleDeadline: 1 },
    ],
    ['with a deadline that is text', { kind: 'session', bytes: Buffer.from('x'), version: 'v', idleDeadline: 'later' }],
    ['with the names of a prototype', { kind: 'ended', ended: { constructor: 1 }, toString: 1, hasOwnProperty: 'x' }],
    ['that is empty', {}],
  ])('%s is unreadable for every method, and stays as it is', async (_, fields) => {
    const { store, raw } = opened;
    const [id, other] = [makeId(), makeId()];
    await raw.insertOne({ _id: id as never, ...fields });
    const record = await created(other);
    const methods: Record<string, () => unknown> = {
      read: () => store.read(id),
      create: () => store.create(id, makeRecord()),
      'create for an owner': () => store.create(id, makeRecord({ owner: makeOwner() })),
      update: () => store.update(id, makeRecord(), makeRecord().version),
      'replace from it': () => store.replace(id, makeRecord().version, makeId(), makeRecord(), makeEnding()),
      'replace into it': () => store.replace(other, record.version, id, makeRecord(), makeEnding()),
    };
    for (const [name, call] of Object.entries(methods)) {
      const error = await Promise.resolve(call()).then(
        () => undefined,
        (thrown) => thrown,
      );
      expect([name, error?.code]).toEqual([name, 'ERR_SESSION_RECORD_UNREADABLE']);
    }
    expect(BSON.serialize((await raw.findOne({ _id: id as never })) ?? {})).toEqual(
      BSON.serialize({ _id: id, ...fields }),
    );
    expect(await store.read(other)).toEqual(record);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('of a newer release is not touched, and no owner lists it; it is ended by its id, and with all others of its owner', async () => {
    const { store, raw } = opened;
    const owner = makeOwner();
    const id = makeId(owner);
    const newer = { _id: id as never, kind: 'session2', owner, serial: 1, idleDeadline: 5, expireAt: new Date(4e12) };
    await raw.insertOne(newer);
    await expect(Promise.resolve(store.touch(id, 4e12))).rejects.toThrow(/form/);
    expect(await store.listByOwner(owner)).toEqual([]);
    expect(await raw.findOne({ _id: id as never })).toEqual(newer);
    expect(await store.end(id, makeEnding('revoked'))).toBe(true);
    expect(await store.read(id)).toMatchObject({ ended: 'revoked' });
    const others = [makeId(owner), makeId(owner)];
    const { serial: _none, ...unordered } = newer;
    for (const [at, fields] of [newer, unordered].entries())
      await raw.insertOne({ ...fields, _id: others[at] as never });
    expect([...(await store.endByOwner(owner, makeEnding('revoked')))].sort()).toEqual(others.sort());
    for (const each of others) expect(await store.read(each)).toMatchObject({ ended: 'revoked' });
  });

  async function created(id: ReturnType<typeof makeId>) {
    const record = makeRecord();
    await opened.store.create(id, record);
    return record;
  }
});
