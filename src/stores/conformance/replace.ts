/** One session ends and its successor begins, both or neither. */
import assert from 'node:assert/strict';
import type { ReplaceResult } from '../../core/store.js';
import { hourMs, makeEnding, makeId, makeOwner, makeOwning, makeRecord, makeVersion } from './fixtures.js';
import { assertSame, created, law, needsOwners, owned } from './law.js';
import { observe } from './observe.js';

export const replace = [
  law('the old session is a marker and the new one is there', async ({ store }) => {
    const [id, next] = [makeId(), makeId()];
    const before = await created(store, id);
    const after = makeRecord({ idleDeadline: before.idleDeadline - 60_000 });
    const ending = makeEnding('replaced', Date.now() - 3);
    assert.equal(await store.replace(id, before.version, next, after, ending), 'replaced');
    assertSame(await store.read(id), { ended: 'replaced', at: ending.at });
    assertSame(await store.read(next), after);
  }),

  law('whatever the answer, unless it is replaced, nothing has changed', async ({ store }) => {
    const [id, gone, taken, marker, free] = [makeId(), makeId(), makeId(), makeId(), makeId()];
    const { version } = await created(store, id);
    await created(store, taken);
    await created(store, marker);
    await store.end(marker, makeEnding());
    const watched = { ids: [id, gone, taken, marker, free] };
    const state = await observe(store, watched);
    const attempts: [ReplaceResult | 'conflict', Promise<ReplaceResult> | ReplaceResult][] = [
      ['gone', store.replace(gone, version, free, makeRecord(), makeEnding())],
      ['gone', store.replace(marker, version, free, makeRecord(), makeEnding())],
      ['exists', store.replace(id, version, taken, makeRecord(), makeEnding())],
      ['exists', store.replace(id, version, marker, makeRecord(), makeEnding())],
      ['conflict', store.replace(id, makeVersion(), free, makeRecord(), makeEnding())],
    ];
    for (const [expected, attempt] of attempts) {
      const answer = await attempt;
      assert.equal(typeof answer === 'object' ? 'conflict' : answer, expected);
    }
    assertSame(await observe(store, watched), state);
  }),

  law('a session is not replaced by itself', async ({ store }) => {
    const id = makeId();
    const record = await created(store, id);
    assert.notEqual(await store.replace(id, record.version, id, makeRecord(), makeEnding()), 'replaced');
    assertSame(await store.read(id), record);
  }),

  law('of replaces of one session at the same time, one wins and there is one successor', async ({ store, second }) => {
    const id = makeId();
    const { version } = await created(store, id);
    const successors = Array.from({ length: 10 }, () => makeId());
    const answers = await Promise.all(
      successors.map((next, index) =>
        (index % 2 ? store : second).replace(id, version, next, makeRecord(), makeEnding('replaced')),
      ),
    );
    assert.equal(answers.filter((answer) => answer === 'replaced').length, 1);
    for (const [index, next] of successors.entries()) {
      assert.equal((await store.read(next)) !== undefined, answers[index] === 'replaced');
    }
  }),

  law('an update and a replace at the same time: no change is lost', async ({ store, second }) => {
    for (let round = 0; round < 20; round++) {
      const [id, next] = [makeId(), makeId()];
      const { version } = await created(store, id);
      const [updated, replaced] = await Promise.all([
        (round % 2 ? store : second).update(id, makeRecord(), version),
        store.replace(id, version, next, makeRecord(), makeEnding('replaced')),
      ]);
      // Either the change came first and the replace must be told, or the session is gone for the change.
      assert.equal(updated === 'updated', replaced !== 'replaced');
      if (replaced === 'replaced') assert.equal(updated, 'gone');
    }
  }),

  law(
    'the session that leaves does not count towards the limit',
    async ({ store }) => {
      const owner = makeOwner();
      const [id, next, third] = [makeId(owner), makeId(owner), makeId()];
      const first = await created(store, id, { owner });
      const after = makeRecord({ owner });
      const owning = makeOwning({ limit: 1 });
      assert.equal(await store.replace(id, first.version, next, after, makeEnding(), owning), 'replaced');
      const anonymous = await created(store, third);
      const watched = { ids: [id, next, third], owners: [owner] };
      const state = await observe(store, watched);
      const refused = await store.replace(
        third,
        anonymous.version,
        makeId(owner),
        makeRecord({ owner }),
        makeEnding(),
        owning,
      );
      assert.equal(refused, 'limit');
      assertSame(await observe(store, watched), state);
    },
    needsOwners,
  ),

  law(
    'a replace that evicts ends the oldest others and keeps its own successor',
    async ({ store }) => {
      const owner = makeOwner();
      const [anonymous, next] = [makeId(), makeId(owner)];
      const ids = [makeId(owner), makeId(owner), makeId(owner)];
      for (const id of ids) await created(store, id, { owner });
      const { version } = await created(store, anonymous);
      const owning = makeOwning({ limit: 2, onExceed: 'evict-oldest' });
      const answer = await store.replace(anonymous, version, next, makeRecord({ owner }), makeEnding(), owning);
      assert.equal(answer, 'replaced');
      assertSame(
        (await owned(store).listByOwner(owner)).map(({ id }) => id),
        [ids[2], next],
      );
      assertSame(await store.read(ids[0] ?? next), { ended: 'evicted', at: owning.now });
    },
    needsOwners,
  ),

  law(
    'a sign-in that was begun before its owner ended everything is barred, and changes nothing',
    async ({ store }) => {
      const owner = makeOwner();
      const [id, next] = [makeId(), makeId(owner)];
      const { version } = await created(store, id);
      const at = Date.now();
      await owned(store).endByOwner(owner, { reason: 'revoked', at, keepUntil: at + hourMs });
      const state = await observe(store, { ids: [id, next], owners: [owner] });
      const record = makeRecord({ owner });
      for (const startedAt of [at, at - 1]) {
        const owning = makeOwning({ now: at, startedAt });
        assert.equal(await store.replace(id, version, next, record, makeEnding(), owning), 'barred');
      }
      assertSame(await observe(store, { ids: [id, next], owners: [owner] }), state);
      const later = makeOwning({ now: at + 1, startedAt: at + 1 });
      assert.equal(await store.replace(id, version, next, record, makeEnding(), later), 'replaced');
    },
    needsOwners,
  ),
];
