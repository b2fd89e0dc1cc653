/** What each method does when nothing is in its way. */
import assert from 'node:assert/strict';
import { missingFromStore } from '../../core/store.js';
import { hourMs, makeEnding, makeId, makeOwner, makeRecord } from './fixtures.js';
import { assertSame, created, law, needsSecondHandle } from './law.js';

export const lifecycle = [
  law('the store has every member of the contract', async ({ store }) => {
    assert.deepEqual(missingFromStore(store), []);
  }),

  law('what was created is read back', async ({ store }) => {
    for (const fields of [{}, { owner: makeOwner() }]) {
      const id = makeId(fields.owner);
      assertSame(await store.read(id), undefined);
      const record = await created(store, id, fields);
      assertSame(await store.read(id), record);
    }
  }),

  law('a taken id is not taken again, and its record stays', async ({ store }) => {
    const owner = makeOwner();
    const id = makeId(owner);
    const record = await created(store, id);
    assert.equal(await store.create(id, makeRecord()), 'exists');
    assert.equal(await store.create(id, makeRecord({ owner })), 'exists');
    assertSame(await store.read(id), record);
  }),

  law('an update writes bytes, version and deadline', async ({ store }) => {
    const id = makeId();
    const before = await created(store, id);
    const after = makeRecord({ idleDeadline: before.idleDeadline + hourMs });
    assert.equal(await store.update(id, after, before.version), 'updated');
    assertSame(await store.read(id), after);
  }),

  law('an update leaves the owner as it was created', async ({ store }) => {
    const owner = makeOwner();
    const [id, anonymous] = [makeId(owner), makeId()];
    const { version } = await created(store, id, { owner });
    const { version: anonymousVersion } = await created(store, anonymous);
    const [later, other] = [makeRecord(), makeRecord({ owner: makeOwner() })];
    assert.equal(await store.update(id, later, version), 'updated');
    assert.equal(await store.update(anonymous, other, anonymousVersion), 'updated');
    assertSame(await store.read(id), { ...later, owner });
    assertSame(await store.read(anonymous), { ...other, owner: undefined });
  }),

  law('a touch moves the deadline and nothing else', async ({ store }) => {
    const owner = makeOwner();
    const id = makeId(owner);
    const record = await created(store, id, { owner });
    const idleDeadline = record.idleDeadline + hourMs;
    assert.equal(await store.touch(id, idleDeadline), 'touched');
    assertSame(await store.read(id), { ...record, idleDeadline });
  }),

  law('an end leaves why and when', async ({ store }) => {
    const id = makeId();
    await created(store, id);
    const ending = makeEnding('signed-out', Date.now() - 5);
    assert.equal(await store.end(id, ending), true);
    assertSame(await store.read(id), { ended: 'signed-out', at: ending.at });
  }),

  law('what the app calls its reason is kept to the letter', async ({ store }) => {
    const id = makeId();
    await created(store, id);
    await store.end(id, makeEnding('moved-to-another-plan-yesterday-x'));
    assert.equal(((await store.read(id)) as { ended?: string }).ended, 'moved-to-another-plan-yesterday-x');
  }),

  law('an unknown id is gone for every change, and none leaves a trace', async ({ store }) => {
    const [id, other] = [makeId(), makeId()];
    const record = makeRecord();
    assert.equal(await store.update(id, record, record.version), 'gone');
    assert.equal(await store.touch(id, record.idleDeadline), 'gone');
    assert.equal(await store.end(id, makeEnding()), false);
    assert.equal(await store.replace(id, record.version, other, record, makeEnding()), 'gone');
    assertSame([await store.read(id), await store.read(other)], [undefined, undefined]);
    assert.equal(await store.create(id, record), 'created');
  }),

  law(
    'what one handle has acknowledged, another reads at once',
    async ({ store, second }) => {
      const id = makeId();
      let record = await created(store, id);
      for (const [writer, reader] of [
        [store, second],
        [second, store],
      ] as const) {
        assertSame(await reader.read(id), record);
        const next = makeRecord();
        assert.equal(await writer.update(id, next, record.version), 'updated');
        assertSame(await reader.read(id), { ...next, idleDeadline: Math.max(next.idleDeadline, record.idleDeadline) });
        record = { ...next, idleDeadline: Math.max(next.idleDeadline, record.idleDeadline) };
      }
      const ending = makeEnding();
      await store.end(id, ending);
      assertSame(await second.read(id), { ended: ending.reason, at: ending.at });
    },
    needsSecondHandle,
  ),

  law('closing twice does no harm', async ({ store }) => {
    await store.close?.();
    await store.close?.();
  }),
];
