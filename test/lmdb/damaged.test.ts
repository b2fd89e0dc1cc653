/** A stored value that is cut short, or that somebody else wrote: it is in nobody's way, and it can be ended. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OwnerHash, SessionId } from '../../src/core/ids.js';
import {
  makeEnding,
  makeId,
  makeOwner,
  makeOwning,
  makeRecord,
  makeVersion,
} from '../../src/stores/conformance/index.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

const lmdb = storeKinds.find(({ name }) => name === 'lmdb');
if (!lmdb) throw new Error('no lmdb');
const damages = ['cut after its head', 'cut inside its head', 'cut after its deadline', 'JSON'];

describe.each(damages)('a value that is damaged (%s)', (how) => {
  let opened: OpenStore;
  let owner: OwnerHash;
  let id: SessionId;
  let sound: SessionId;
  beforeEach(async () => {
    opened = await lmdb.open();
    owner = makeOwner();
    [id, sound] = [makeId(owner), makeId(owner)];
    for (const each of [id, sound]) await opened.store.create(each, makeRecord({ owner }));
    await opened.damage?.[how]?.(id, sound);
  });
  afterEach(() => opened.remove());

  it('hides no other session of its owner from a list or a walk', async () => {
    expect((await opened.store.listByOwner(owner)).map((entry) => entry.id)).toEqual([sound]);
    expect((await opened.store.scan()).entries.map((entry) => entry.id)).toContain(sound);
  });

  it('is ended with all others of its owner, and by its id', async () => {
    expect([...(await opened.store.endByOwner(owner, makeEnding('revoked')))].sort()).toEqual([id, sound].sort());
    expect(await opened.store.read(id)).toMatchObject({ ended: 'revoked' });
    expect(await opened.store.endByOwner(owner, makeEnding())).toEqual([]);
  });

  it('is ended by its id', async () => {
    expect(await opened.store.end(id, makeEnding('revoked'))).toBe(true);
    expect(await opened.store.read(id)).toMatchObject({ ended: 'revoked' });
  });

  it('is no session to change, and does not count where the owner signs in again', async () => {
    expect(await opened.store.update(id, makeRecord({ owner }), makeVersion())).toBe('gone');
    expect(await opened.store.touch(id, Date.now() + 1e9)).toBe('gone');
    const owning = makeOwning({ limit: 2, onExceed: 'reject' });
    expect(await opened.store.create(makeId(owner), makeRecord({ owner }), owning)).toBe('created');
    expect(await opened.store.create(makeId(owner), makeRecord({ owner }), owning)).toBe('limit');
  });

  it('does not stop a sweep, which takes it away when its time has come, ended or not', async () => {
    const late = Date.now() + 1e12;
    expect(await opened.store.sweep(late, 100)).toBe(2);
    expect(await opened.store.read(id)).toBeUndefined();
    await opened.store.create(id, makeRecord({ owner }));
    await opened.damage?.[how]?.(id, sound);
    await opened.store.end(id, makeEnding());
    for (let swept = 1; swept > 0; ) swept = await opened.store.sweep(late * 2, 100);
    expect(await opened.store.read(id)).toBeUndefined();
  });
});
