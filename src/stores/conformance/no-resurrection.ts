/** An ended session never comes back: every way to end one, against every way that could revive it. */
import assert from 'node:assert/strict';
import type { SessionId } from '../../core/ids.js';
import { isOwnerIndexed, type SessionStore, type StoredRecord } from '../../core/store.js';
import { hourMs, makeEnding, makeId, makeOwner, makeOwning, makeRecord } from './fixtures.js';
import { assertSame, law, needsOwners, owned } from './law.js';

type End = (store: SessionStore, id: SessionId, record: StoredRecord) => Promise<void>;

const byEnd: End = async (store, id) => {
  assert.equal(await store.end(id, makeEnding('signed-out')), true);
};

const byReplace: End = async (store, id, record) => {
  const next = makeRecord();
  assert.equal(await store.replace(id, record.version, makeId(), next, makeEnding('replaced')), 'replaced');
};

const byOwner: End = async (store, id, record) => {
  const owner = record.owner ?? assert.fail('the record has no owner');
  assertSame(await owned(store).endByOwner(owner, makeEnding('revoked')), [id]);
};

const byEviction: End = async (store, _, { owner = makeOwner() }) => {
  const owning = makeOwning({ limit: 1, onExceed: 'evict-oldest' });
  assert.equal(await store.create(makeId(owner), makeRecord({ owner }), owning), 'created');
};

async function staysEnded(store: SessionStore, end: End): Promise<void> {
  const owner = isOwnerIndexed(store) ? makeOwner() : undefined;
  const [id, other] = [makeId(owner), makeId()];
  const record = makeRecord(owner === undefined ? {} : { owner });
  assert.equal(await store.create(id, record), 'created');
  const live = makeRecord();
  assert.equal(await store.create(other, live), 'created');
  await end(store, id, record);
  const marker = await store.read(id);
  assert(marker && 'ended' in marker, 'an ended session leaves a marker');

  const attempts: [string, () => unknown, unknown][] = [
    ['create', () => store.create(id, makeRecord()), 'exists'],
    ['the first create again', () => store.create(id, record), 'exists'],
    ['update', () => store.update(id, makeRecord(), record.version), 'gone'],
    ['update to what it was', () => store.update(id, record, record.version), 'gone'],
    ['touch', () => store.touch(id, Date.now() + 24 * hourMs), 'gone'],
    ['replace from it', () => store.replace(id, record.version, makeId(), makeRecord(), makeEnding()), 'gone'],
    ['replace into it', () => store.replace(other, live.version, id, makeRecord(), makeEnding()), 'exists'],
    ['end', () => store.end(id, makeEnding('later')), true],
  ];
  for (const [name, attempt, answer] of attempts) {
    assertSame(await attempt(), answer, name);
    assertSame(await store.read(id), marker, `after ${name}`);
  }
  assertSame(await store.read(other), live);
  if (owner !== undefined) {
    const listed = await owned(store).listByOwner(owner);
    assert(!listed.some((entry) => entry.id === id), 'an ended session is not listed');
  }
}

export const noResurrection = [
  law('a session that ended never comes back', ({ store }) => staysEnded(store, byEnd)),
  law('a session that was replaced never comes back', ({ store }) => staysEnded(store, byReplace)),
  law('a session ended by its owner never comes back', ({ store }) => staysEnded(store, byOwner), needsOwners),
  law('a session evicted by a limit never comes back', ({ store }) => staysEnded(store, byEviction), needsOwners),

  law('an update in flight while the session ends does not undo the end', async ({ store, second }) => {
    for (let round = 0; round < 20; round++) {
      const id = makeId();
      const record = makeRecord();
      await store.create(id, record);
      await Promise.all([
        store.update(id, makeRecord(), record.version),
        second.end(id, makeEnding()),
        store.touch(id, record.idleDeadline + hourMs),
      ]);
      assert('ended' in ((await store.read(id)) ?? {}));
    }
  }),
];
