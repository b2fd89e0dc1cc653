/** A change that was made against an older version is refused, with what is stored now. */
import assert from 'node:assert/strict';
import type { UpdateResult } from '../../core/store.js';
import { hourMs, makeEnding, makeId, makeRecord, makeVersion } from './fixtures.js';
import { assertSame, created, law } from './law.js';

export const compareAndSet = [
  law('an update against an older version is refused and told what is stored', async ({ store }) => {
    const id = makeId();
    const first = await created(store, id);
    const second = makeRecord({ idleDeadline: first.idleDeadline + hourMs });
    await store.update(id, second, first.version);
    assertSame(await store.update(id, makeRecord(), first.version), { conflict: second });
    assertSame(await store.update(id, makeRecord(), makeVersion()), { conflict: second });
    assertSame(await store.read(id), second);
  }),

  law('an update against the version that the conflict told succeeds', async ({ store }) => {
    const id = makeId();
    await created(store, id);
    const answer = await store.update(id, makeRecord(), makeVersion());
    assert(typeof answer === 'object');
    const next = makeRecord({ idleDeadline: answer.conflict.idleDeadline + 1 });
    assert.equal(await store.update(id, next, answer.conflict.version), 'updated');
    assertSame(await store.read(id), next);
  }),

  law('a replace against an older version is refused and nothing changes', async ({ store }) => {
    const [id, next] = [makeId(), makeId()];
    const record = await created(store, id);
    assertSame(await store.replace(id, makeVersion(), next, makeRecord(), makeEnding()), { conflict: record });
    assertSame([await store.read(id), await store.read(next)], [record, undefined]);
  }),

  law('of updates at the same time, one wins and all others hear of it', async ({ store, second }) => {
    const id = makeId();
    const first = await created(store, id);
    const records = Array.from({ length: 20 }, () => makeRecord({ idleDeadline: first.idleDeadline }));
    const answers = await Promise.all<UpdateResult>(
      records.map((record, index) => (index % 2 ? store : second).update(id, record, first.version)),
    );
    const winners = records.filter((_, index) => answers[index] === 'updated');
    assert.equal(winners.length, 1);
    assertSame(await store.read(id), winners[0]);
    for (const answer of answers) if (answer !== 'updated') assertSame(answer, { conflict: winners[0] });
  }),

  law('of creations of one id at the same time, one wins', async ({ store, second }) => {
    const id = makeId();
    const records = Array.from({ length: 10 }, () => makeRecord());
    const answers = await Promise.all(records.map((record, index) => (index % 2 ? store : second).create(id, record)));
    const winners = records.filter((_, index) => answers[index] === 'created');
    assert.equal(winners.length, 1);
    assertSame(await store.read(id), winners[0]);
  }),

  law('a touch is no conflict for an update that was begun before it', async ({ store }) => {
    const id = makeId();
    const first = await created(store, id);
    await store.touch(id, first.idleDeadline + hourMs);
    assert.equal(await store.update(id, makeRecord(), first.version), 'updated');
  }),
];
